use std::{env, error::Error, fs, path::Path};

use skyring_protocols::sproto::codegen::{self, Options};
use skyring_protocols::sproto::{Schema, schema::SchemaError};

const SCHEMA: &str = "game.sproto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SCHEMA}");
    let schema = Schema::parse(fs::read(SCHEMA)?);
    let schema = schema.map_err(|SchemaError { line, flaw }| format!("{SCHEMA}:{line}: {flaw}"))?;
    let source = codegen::generate(&schema, &Options::default());
    fs::write(Path::new(&env::var("OUT_DIR")?).join("game.rs"), source)?;
    Ok(())
}
