//! Fields by which a struct would hold itself, and so have no size.
//!
//! A field is boxed if its type leads back to the type that it is in, by fields that are one struct.
//! That does not depend on any other type, so a schema that grows leaves boxes where they are.

use crate::sproto::schema::{Kind, Schema, Shape, TypeField};

/// For each type, the tags of its fields that are to be in a `Box`.
pub(super) fn boxed(schema: &Schema) -> Vec<Vec<u16>> {
    let circles = Circles::of(schema);
    let types = schema.types().iter().enumerate();
    let tags = types.map(|(number, definition)| {
        let held = definition.fields().iter().filter_map(|it| Some((it.tag(), holds(it)?)));
        let back = held.filter(|&(_, inside)| circles.circle[inside] == circles.circle[number]);
        back.map(|(tag, _)| tag).collect()
    });
    tags.collect()
}

/// The number of the struct that the field is.
fn holds(field: &TypeField) -> Option<usize> {
    match (field.kind(), field.shape()) {
        (Kind::Struct(id), Shape::One) => Some(id.index()),
        _ => None,
    }
}

/// Types that lead to one another have the same circle: Tarjan's strongly connected components,
/// without recursion.
struct Circles {
    circle: Vec<usize>,
}

impl Circles {
    fn of(schema: &Schema) -> Self {
        let held = schema.types().iter().map(|it| it.fields().iter().filter_map(holds).collect());
        let held: Vec<Vec<usize>> = held.collect();
        let mut search = Search::new(&held);
        for number in 0..held.len() {
            if search.order[number] == UNSEEN {
                search.from(number);
            }
        }
        Self { circle: search.circle }
    }
}

const UNSEEN: usize = usize::MAX;

struct Search<'s> {
    held: &'s [Vec<usize>],
    /// When a type was reached.
    order: Vec<usize>,
    /// The earliest that is reached from it and has no circle yet.
    lowest: Vec<usize>,
    circle: Vec<usize>,
    /// Those that have no circle yet.
    open: Vec<usize>,
    reached: usize,
}

impl<'s> Search<'s> {
    fn new(held: &'s [Vec<usize>]) -> Self {
        let unseen = vec![UNSEEN; held.len()];
        let (order, lowest, circle) = (unseen.clone(), unseen.clone(), unseen);
        Self { held, order, lowest, circle, open: Vec::new(), reached: 0 }
    }

    fn from(&mut self, start: usize) {
        // Types on the way, and which of their fields is next.
        let mut way = vec![(start, 0)];
        self.reach(start);
        while let Some((number, next)) = way.last_mut() {
            let number = *number;
            if let Some(&inside) = self.held[number].get(*next) {
                *next += 1;
                if self.order[inside] == UNSEEN {
                    self.reach(inside);
                    way.push((inside, 0));
                } else if self.circle[inside] == UNSEEN {
                    self.lowest[number] = self.lowest[number].min(self.order[inside]);
                }
                continue;
            }
            way.pop();
            if let Some(&(outside, _)) = way.last() {
                self.lowest[outside] = self.lowest[outside].min(self.lowest[number]);
            }
            if self.lowest[number] == self.order[number] {
                self.close(number);
            }
        }
    }

    fn reach(&mut self, number: usize) {
        self.order[number] = self.reached;
        self.lowest[number] = self.reached;
        self.reached += 1;
        self.open.push(number);
    }

    /// All that were reached from this type are one circle.
    fn close(&mut self, number: usize) {
        while let Some(last) = self.open.pop() {
            self.circle[last] = number;
            if last == number {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found() {
        let text = "
            .A { b 1 : B c 2 : C }
            .B { d 3 : D all 4 : *A }
            .C { d 5 : D }
            .D { a 6 : A e 7 : E }
            .E { e 8 : E f 9 : F list 10 : *E }
            .F { }";
        let schema = Schema::parse(text).expect("the text is a schema");
        assert_eq!(boxed(&schema), [vec![1, 2], vec![3], vec![5], vec![6], vec![8], vec![]]);
    }

    #[test]
    fn a_long_chain_is_no_recursion_of_ours() {
        let chain = |count: usize| -> String {
            (0..count).map(|at| format!(".A{at} {{ a 0 : A{} }}\n", (at + 1) % count)).collect()
        };
        let schema = Schema::parse(chain(20_000)).expect("the text is a schema");
        assert!(boxed(&schema).iter().all(|tags| tags == &[0]));
    }
}
