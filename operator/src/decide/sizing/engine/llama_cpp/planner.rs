//! How llama.cpp lays the tensors of one pass out in its compute buffer.
//!
//! The rules are those of ggml's allocator (ggml/src/ggml-alloc.c): inputs come first, each tensor takes the tightest
//! free block, an operation that may work in place takes over a parent that nobody else reads, and a tensor is
//! free again after its last reader. The buffer's size is the highest address that was ever in use.

/// A tensor of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tensor(usize);

#[derive(Clone, Debug)]
struct Node {
    bytes: u64,
    sources: Vec<Tensor>,
    /// Whether it may take over the memory of a source of its size.
    in_place: bool,
    /// Whose memory it shows.
    view_of: Option<Tensor>,
    /// Whether its memory is not the buffer's, such as that of the KV cache.
    outside: bool,
}

/// The operations of one pass, in the order in which they run.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    inputs: Vec<Tensor>,
    order: Vec<Tensor>,
    ordered: Vec<bool>,
}

impl Graph {
    fn add(&mut self, node: Node) -> Tensor {
        self.nodes.push(node);
        self.ordered.push(false);
        Tensor(self.nodes.len() - 1)
    }

    /// A tensor that is filled before the pass.
    pub(super) fn input(&mut self, bytes: u64) -> Tensor {
        let input =
            self.add(Node { bytes, sources: Vec::new(), in_place: false, view_of: None, outside: false });
        self.inputs.push(input);
        input
    }

    /// The result of an operation.
    pub(super) fn operation(&mut self, bytes: u64, sources: &[Tensor]) -> Tensor {
        self.add(Node { bytes, sources: sources.to_vec(), in_place: false, view_of: None, outside: false })
    }

    /// The result of an operation that may take over the memory of a source.
    pub(super) fn in_place(&mut self, bytes: u64, sources: &[Tensor]) -> Tensor {
        self.add(Node { bytes, sources: sources.to_vec(), in_place: true, view_of: None, outside: false })
    }

    /// Another shape of a tensor, or a part of it.
    pub(super) fn view(&mut self, of: Tensor) -> Tensor {
        self.view_with(of, &[])
    }

    /// The same of a tensor that `others` were written into.
    pub(super) fn view_with(&mut self, of: Tensor, others: &[Tensor]) -> Tensor {
        let bytes = self.bytes(of);
        let root = self.nodes.get(of.0).and_then(|node| node.view_of).unwrap_or(of);
        let sources = [others, &[of]].concat();
        self.add(Node { bytes, sources, in_place: false, view_of: Some(root), outside: false })
    }

    /// Writes a tensor to memory outside of the buffer, at once.
    pub(super) fn store(&mut self, sources: &[Tensor]) {
        let sources = sources.to_vec();
        let stored = self.add(Node { bytes: 0, sources, in_place: false, view_of: None, outside: true });
        self.expand(stored);
    }

    pub(super) fn bytes(&self, tensor: Tensor) -> u64 {
        self.nodes.get(tensor.0).map_or(0, |node| node.bytes)
    }

    /// Orders an operation after those that it reads, sources from left to right.
    pub(super) fn expand(&mut self, tensor: Tensor) {
        let mut stack = vec![(tensor, 0)];
        while let Some((tensor, next)) = stack.pop() {
            if self.ordered.get(tensor.0).copied().unwrap_or(true) {
                continue;
            }
            let node = self.nodes.get(tensor.0);
            if let Some(source) = node.and_then(|node| node.sources.get(next)) {
                stack.extend([(tensor, next + 1), (*source, 0)]);
                continue;
            }
            if let Some(ordered) = self.ordered.get_mut(tensor.0) {
                *ordered = true;
            }
            if node.is_some_and(|node| !node.sources.is_empty()) {
                self.order.push(tensor);
            }
        }
    }

    /// Bytes of the buffer that holds the pass.
    pub(super) fn peak(&self) -> u64 {
        Plan::new(self).run()
    }
}

/// ggml's alignment of tensors on CPUs; on GPUs it is 128 or 256.
const ALIGNMENT: u64 = 64;

const fn aligned(bytes: u64) -> u64 {
    match bytes.checked_next_multiple_of(ALIGNMENT) {
        Some(aligned) => aligned,
        None => u64::MAX,
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Use {
    readers: usize,
    views: usize,
    at: Option<u64>,
    held: bool,
}

/// A plan in the making.
struct Plan<'a> {
    graph: &'a Graph,
    uses: Vec<Use>,
    /// Offset and size of free blocks, by offset; the last has no end.
    free: Vec<(u64, u64)>,
    peak: u64,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a Graph) -> Self {
        let uses = vec![Use::default(); graph.nodes.len()];
        Self { graph, uses, free: vec![(0, u64::MAX)], peak: 0 }
    }

    fn run(mut self) -> u64 {
        for input in &self.graph.inputs {
            self.allocate(*input);
        }
        for tensor in &self.graph.order {
            let Some(node) = self.graph.nodes.get(tensor.0) else { continue };
            self.change(node.view_of, |root| root.views += 1);
            for source in &node.sources {
                self.change(Some(*source), |source| source.readers += 1);
            }
        }
        for tensor in &self.graph.order {
            self.allocate(*tensor);
            let sources = self.graph.nodes.get(tensor.0).map_or(&[][..], |node| &node.sources);
            for source in sources {
                self.read(*source);
            }
        }
        self.peak
    }

    fn change(&mut self, tensor: Option<Tensor>, change: impl FnOnce(&mut Use)) {
        if let Some(found) = tensor.and_then(|tensor| self.uses.get_mut(tensor.0)) {
            change(found);
        }
    }

    fn used(&self, tensor: Tensor) -> Use {
        self.uses.get(tensor.0).copied().unwrap_or_default()
    }

    fn allocate(&mut self, tensor: Tensor) {
        let Some(node) = self.graph.nodes.get(tensor.0) else { return };
        if node.view_of.is_some() || node.outside || self.used(tensor).at.is_some() {
            return;
        }
        let taken = node.sources.iter().copied().filter(|_| node.in_place).find(|source| {
            let (of, use_) = (self.graph.nodes.get(source.0), self.used(*source));
            of.is_some_and(|of| of.bytes == node.bytes && of.view_of.is_none())
                && (use_.held, use_.readers, use_.views) == (true, 1, 0)
        });
        let at = match taken {
            Some(source) => {
                let at = self.used(source).at;
                self.change(Some(source), |source| source.held = false);
                at
            }
            None => Some(self.take(aligned(node.bytes))),
        };
        self.change(Some(tensor), |tensor| (tensor.at, tensor.held) = (at, true));
    }

    /// The tightest block, of equals the last; the endless one if no other is large enough.
    fn take(&mut self, bytes: u64) -> u64 {
        let last = self.free.len().saturating_sub(1);
        let fitting = self.free.iter().enumerate().take(last).filter(|(_, (_, size))| *size >= bytes);
        let best = fitting.min_by_key(|(index, (_, size))| (*size, std::cmp::Reverse(*index)));
        let index = best.map_or(last, |(index, _)| index);
        let Some((at, size)) = self.free.get_mut(index) else { return 0 };
        let found = *at;
        *at = at.saturating_add(bytes);
        *size = size.saturating_sub(bytes);
        if *size == 0 && index != last {
            self.free.remove(index);
        }
        self.peak = self.peak.max(found.saturating_add(bytes));
        found
    }

    /// One reader less.
    fn read(&mut self, tensor: Tensor) {
        self.change(Some(tensor), |tensor| tensor.readers = tensor.readers.saturating_sub(1));
        let now = self.used(tensor);
        if now.readers > 0 || now.views > 0 {
            return;
        }
        let root = self.graph.nodes.get(tensor.0).and_then(|node| node.view_of);
        if root.is_some() {
            self.change(root, |root| root.views = root.views.saturating_sub(1));
        }
        let root = root.unwrap_or(tensor);
        let of_root = self.used(root);
        if let (0, 0, true, Some(at)) = (of_root.readers, of_root.views, of_root.held, of_root.at) {
            self.change(Some(root), |root| root.held = false);
            self.give_back(at, aligned(self.graph.bytes(root)));
        }
    }

    fn give_back(&mut self, at: u64, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let index = self.free.partition_point(|(start, _)| *start < at);
        self.free.insert(index, (at, bytes));
        // With the block behind it, then with the one before it.
        for index in [index, index.saturating_sub(1)] {
            if let (Some(block), Some(next)) =
                (self.free.get(index).copied(), self.free.get(index + 1).copied())
                && block.0.saturating_add(block.1) == next.0
            {
                self.free.remove(index + 1);
                if let Some(block) = self.free.get_mut(index) {
                    block.1 = block.1.saturating_add(next.1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;

    #[test]
    fn memory_is_used_again_after_the_last_reader() {
        let mut graph = Graph::default();
        let input = graph.input(64);
        let a = graph.operation(640, &[input]);
        let b = graph.operation(1280, &[a]);
        let c = graph.operation(640, &[b]);
        graph.expand(c);
        assert_eq!(graph.peak(), 64 + 640 + 1280, "c takes the place of a");
    }

    #[test]
    fn an_operation_works_in_place_only_where_nobody_else_reads() {
        let sum = |shared: bool| {
            let mut graph = Graph::default();
            let input = graph.input(64);
            let a = graph.operation(640, &[input]);
            let b = graph.in_place(640, &[a]);
            let c = graph.operation(64, &[b, if shared { a } else { b }]);
            graph.expand(c);
            graph.peak()
        };
        assert_eq!(sum(true) - sum(false), 640);
    }

    #[test]
    fn views_hold_what_they_show_and_are_not_taken_over() {
        let mut graph = Graph::default();
        let input = graph.input(64);
        let a = graph.operation(640, &[input]);
        let view = graph.view(a);
        let b = graph.in_place(640, &[view]);
        let c = graph.operation(64, &[b]);
        graph.expand(c);
        assert_eq!(graph.peak(), 64 + 2 * 640);
    }

    #[test]
    fn what_nobody_reads_stays() {
        let mut graph = Graph::default();
        let unread = graph.input(640);
        let input = graph.input(64);
        let a = graph.operation(640, &[input]);
        graph.store(&[a]);
        assert_eq!(graph.peak(), 640 + 64 + 640);
        assert_eq!(graph.bytes(unread), 640);
    }
}
