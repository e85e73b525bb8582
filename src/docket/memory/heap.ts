/** A handle on a value in a {@link Heap}, to remove it by. */
export interface HeapNode<T> {
  readonly value: T;
  /** Its index in the heap; -1 once removed. Private to the heap. */
  index: number;
}

/** A priority queue from whose middle values can be removed. Every operation costs O(log n). */
export class Heap<T> {
  private readonly nodes: HeapNode<T>[] = [];

  /** @param before - whether `a` comes out before `b` */
  constructor(private readonly before: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.nodes.length;
  }

  /** The next value to come out. */
  peek(): T | undefined {
    return this.nodes[0]?.value;
  }

  push(value: T): HeapNode<T> {
    const node: HeapNode<T> = { value, index: this.nodes.length };
    this.nodes.push(node);
    this.rise(node);
    return node;
  }

  pop(): T | undefined {
    const first = this.nodes[0];
    if (first) this.delete(first);
    return first?.value;
  }

  /** Removes a value, wherever it is. Does nothing if it is no longer in the heap. */
  delete(node: HeapNode<T>): void {
    const { index } = node;
    if (index < 0) return;
    node.index = -1;
    const last = this.nodes.pop();
    if (last === undefined || last === node) return;
    this.put(last, index);
    this.rise(last);
    this.sink(last);
  }

  clear(): void {
    for (const node of this.nodes) node.index = -1;
    this.nodes.length = 0;
  }

  private rise(node: HeapNode<T>): void {
    while (node.index > 0) {
      const above = (node.index - 1) >> 1;
      const parent = this.nodes[above];
      if (!parent || !this.before(node.value, parent.value)) return;
      this.put(parent, node.index);
      this.put(node, above);
    }
  }

  private sink(node: HeapNode<T>): void {
    for (;;) {
      const below = this.firstChild(node.index);
      if (!below || !this.before(below.value, node.value)) return;
      const { index } = below;
      this.put(below, node.index);
      this.put(node, index);
    }
  }

  private firstChild(index: number): HeapNode<T> | undefined {
    const left = this.nodes[2 * index + 1];
    const right = this.nodes[2 * index + 2];
    return left && right && this.before(right.value, left.value) ? right : left;
  }

  private put(node: HeapNode<T>, index: number): void {
    this.nodes[index] = node;
    node.index = index;
  }
}
