export interface GraphNode<T> {
  readonly id: string;
  readonly needs: readonly string[];
  readonly value: T;
}

/** How a node ended: only after `go` do those that need it run. */
export type NodeOutcome = "go" | "stop";

/**
 * Runs nodes as soon as all that they need has ended with "go", at most `limit` at once. A node behind a "stop" is not run:
 * `skip` is told which need is missing. `run` must not reject.
 */
export async function runGraph<T>(
  nodes: readonly GraphNode<T>[],
  options: {
    readonly limit: number;
    readonly run: (node: GraphNode<T>) => Promise<NodeOutcome>;
    readonly skip: (node: GraphNode<T>, missing: string) => void;
  },
): Promise<void> {
  const waiting = new Set(nodes);
  const ended = new Map<string, NodeOutcome>();
  const running = new Map<string, Promise<void>>();
  for (;;) {
    for (const node of waiting) {
      const missing = node.needs.find((need) => ended.get(need) === "stop");
      if (missing !== undefined) {
        waiting.delete(node);
        ended.set(node.id, "stop");
        options.skip(node, missing);
      } else if (running.size < options.limit && node.needs.every((need) => ended.get(need) === "go")) {
        waiting.delete(node);
        const work = options.run(node).then((outcome) => {
          ended.set(node.id, outcome);
          running.delete(node.id);
        });
        running.set(node.id, work);
      }
    }
    // A skip just now may have made others skippable.
    const skippable = [...waiting].some((node) => node.needs.some((need) => ended.get(need) === "stop"));
    if (skippable) continue;
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  for (const node of waiting) options.skip(node, node.needs.find((need) => !ended.has(need)) ?? "nothing");
}
