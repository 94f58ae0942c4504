//! Places the nodes of a DAG in layers, top to bottom, so that arrows go down and seldom cross (Sugiyama, Tagawa and
//! Toda 1981: longest-path layers, stand-ins for long arrows, barycentre sweeps).

use std::collections::BTreeSet;

/// Passes over the layers that put items near their neighbours.
const SWEEPS: usize = 8;

/// Sizes the layout works with.
#[derive(Clone, Copy, Debug)]
pub struct Measures {
    /// Width and height of a node.
    pub node: (f64, f64),
    /// Space between neighbours of a layer, and between layers.
    pub gap: (f64, f64),
    /// Width that a passing arrow takes.
    pub lane: f64,
}

/// Where everything is. Coordinates start at 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The left upper corner of each node.
    pub nodes: Vec<(f64, f64)>,
    /// The points of each arrow, from the lower edge of a node to the upper edge of another.
    pub arrows: Vec<Vec<(f64, f64)>>,
    /// Width and height of all.
    pub size: (f64, f64),
}

/// Lays out nodes by the positions of what they read, all before their own. Arrows that follow from others are left
/// out.
pub fn layout(inputs: &[Vec<usize>], measures: Measures) -> Layout {
    let mut layers: Vec<usize> = Vec::with_capacity(inputs.len());
    for (node, from) in inputs.iter().enumerate() {
        let above = from.iter().filter(|from| **from < node).map(|from| layers[*from] + 1);
        layers.push(above.max().unwrap_or(0));
    }
    let mut grid = Grid::new(&layers, &reduced(inputs));
    for sweep in 0..SWEEPS {
        grid.sweep(sweep % 2 == 0);
    }
    grid.place(inputs.len(), measures)
}

/// The arrows (from, to) that no longer path implies.
fn reduced(inputs: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut above: Vec<BTreeSet<usize>> = Vec::with_capacity(inputs.len());
    let mut arrows = Vec::new();
    for (node, from) in inputs.iter().enumerate() {
        let direct: BTreeSet<usize> = from.iter().copied().filter(|from| *from < node).collect();
        let indirect: BTreeSet<usize> = direct.iter().flat_map(|from| above[*from].iter().copied()).collect();
        arrows.extend(direct.difference(&indirect).map(|from| (*from, node)));
        above.push(direct.union(&indirect).copied().collect());
    }
    arrows
}

/// Nodes and stand-ins, layer by layer. Items below the number of nodes are nodes.
struct Grid {
    layers: Vec<Vec<usize>>,
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    chains: Vec<Vec<usize>>,
}

impl Grid {
    fn new(layer_of: &[usize], arrows: &[(usize, usize)]) -> Self {
        let depth = layer_of.iter().max().map_or(0, |deepest| deepest + 1);
        let mut grid = Self {
            layers: vec![Vec::new(); depth],
            above: vec![Vec::new(); layer_of.len()],
            below: vec![Vec::new(); layer_of.len()],
            chains: Vec::new(),
        };
        for (node, layer) in layer_of.iter().enumerate() {
            grid.layers[*layer].push(node);
        }
        for (from, to) in arrows {
            let mut chain = vec![*from];
            for layer in layer_of[*from] + 1..layer_of[*to] {
                let stand_in = grid.above.len();
                grid.above.push(Vec::new());
                grid.below.push(Vec::new());
                grid.layers[layer].push(stand_in);
                chain.push(stand_in);
            }
            chain.push(*to);
            for pair in chain.windows(2) {
                grid.below[pair[0]].push(pair[1]);
                grid.above[pair[1]].push(pair[0]);
            }
            grid.chains.push(chain);
        }
        grid
    }

    /// Sorts every layer by the mean position of each item's neighbours in the layer before (or behind).
    fn sweep(&mut self, down: bool) {
        let mut position = vec![0.0_f64; self.above.len()];
        for layer in &self.layers {
            spread(layer, &mut position);
        }
        let count = self.layers.len();
        for step in 0..count {
            let index = if down { step } else { count - 1 - step };
            let neighbours = if down { &self.above } else { &self.below };
            let wish = |item: usize| {
                let near = &neighbours[item];
                if near.is_empty() {
                    return position[item];
                }
                near.iter().map(|other| position[*other]).sum::<f64>() / near.len() as f64
            };
            let mut wishes: Vec<(f64, usize)> =
                self.layers[index].iter().map(|item| (wish(*item), *item)).collect();
            wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
            self.layers[index] = wishes.into_iter().map(|(_, item)| item).collect();
            spread(&self.layers[index], &mut position);
        }
    }

    fn place(self, nodes: usize, measures: Measures) -> Layout {
        let width = |item: usize| if item < nodes { measures.node.0 } else { measures.lane };
        let span = |layer: &Vec<usize>| {
            layer.iter().map(|item| width(*item)).sum::<f64>()
                + measures.gap.0 * layer.len().saturating_sub(1) as f64
        };
        let widest = self.layers.iter().map(span).fold(0.0, f64::max);
        let step = measures.node.1 + measures.gap.1;
        let mut corner = vec![(0.0, 0.0); self.above.len()];
        for (row, layer) in self.layers.iter().enumerate() {
            let mut x = (widest - span(layer)) / 2.0;
            for item in layer {
                corner[*item] = (x, row as f64 * step);
                x += width(*item) + measures.gap.0;
            }
        }
        let arrows = self.chains.iter().map(|chain| {
            let middle = |item: usize| corner[item].0 + width(item) / 2.0;
            let mut points = Vec::new();
            for (index, item) in chain.iter().enumerate() {
                if index > 0 {
                    points.push((middle(*item), corner[*item].1));
                }
                if index + 1 < chain.len() {
                    points.push((middle(*item), corner[*item].1 + measures.node.1));
                }
            }
            points
        });
        let arrows = arrows.collect();
        corner.truncate(nodes);
        let height = (self.layers.len() as f64 * step - measures.gap.1).max(0.0);
        Layout { nodes: corner, arrows, size: (widest, height) }
    }
}

/// Positions of a layer's items, evenly around 0.
fn spread(layer: &[usize], position: &mut [f64]) {
    for (index, item) in layer.iter().enumerate() {
        position[*item] = index as f64 - (layer.len() as f64 - 1.0) / 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURES: Measures = Measures { node: (100.0, 40.0), gap: (20.0, 30.0), lane: 10.0 };

    #[test]
    fn boxes_do_not_overlap_and_arrows_go_down() {
        let inputs = [vec![], vec![0], vec![0], vec![1, 2], vec![], vec![0, 3, 4], vec![1, 5]];
        let layout = layout(&inputs, MEASURES);
        for (index, (x, y)) in layout.nodes.iter().enumerate() {
            assert!(*x >= 0.0 && x + 100.0 <= layout.size.0 && y + 40.0 <= layout.size.1);
            for (other_x, other_y) in &layout.nodes[..index] {
                assert!((x - other_x).abs() >= 100.0 || (y - other_y).abs() >= 40.0, "{layout:?}");
            }
        }
        for arrow in &layout.arrows {
            assert!(arrow.windows(2).all(|pair| pair[0].1 < pair[1].1), "{arrow:?}");
        }
    }

    #[test]
    fn an_arrow_that_follows_from_others_is_left_out() {
        assert_eq!(reduced(&[vec![], vec![0], vec![0, 1], vec![0, 1, 2]]), [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(layout(&[], MEASURES), Layout::default());
    }

    #[test]
    fn parallel_chains_do_not_cross() {
        // Two chains listed so that a naive order would cross them.
        let inputs = [vec![], vec![], vec![1], vec![0], vec![2], vec![3]];
        let places = layout(&inputs, MEASURES).nodes;
        let left = |a: usize, b: usize| places[a].0 < places[b].0;
        assert_eq!(left(0, 1), left(3, 2));
        assert_eq!(left(3, 2), left(5, 4));
    }
}
