import { setTimeout as sleep } from "node:timers/promises";
import type { ProtectionJson } from "@lifeboat/model";
import type { RunLine } from "./await-runs.ts";
import type { Scene } from "./scene.ts";
import { StepFailure } from "./step-failure.ts";

const timeoutMs = 90_000;

/** The question that counts, answered by the command and by the page. */
export async function tellStatus(scene: Scene, pageUrl: string): Promise<void> {
  const { terminal, lifeboat } = scene;
  await terminal.step("Are we protected?", async () => {
    const { stderr } = await lifeboat.run(["repo", "check", "--repo", "main"]);
    terminal.command("lifeboat repo check --repo main", stderr);
    await awaitGood(scene);
    for (const words of [
      ["status", "--all", "--check"],
      ["history", "--result", "passed", "--last", "8"],
      ["job", "show", await findLastBackup(scene)],
    ]) {
      const { stdout } = await lifeboat.run(words);
      terminal.command(`lifeboat ${words.join(" ")}`, stdout);
    }
    const verdict = await readVerdict(scene, pageUrl);
    if (!verdict.startsWith("Protected")) throw new StepFailure(`the page says: ${verdict}`, "This is a bug: please report it.");
    return { figure: `the page at ${pageUrl} says the same: ${verdict}`, value: undefined };
  });
}

/** On a busy machine the last copy may still be on its way. */
async function awaitGood({ lifeboat, terminal, signal }: Scene): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const [status] = await lifeboat.runJson<ProtectionJson>(["status"]);
    if (status?.level === "good") return;
    if (performance.now() > deadline) {
      const why = status?.assets.map(({ asset, state, why }) => `${asset} ${state} ${why}`).join("; ");
      throw new StepFailure(`${status?.verdict} ${why}`, "'lifeboat status --config FILE' says what to do for each line.");
    }
    terminal.waiting(status?.verdict ?? "asking for the verdict");
    await sleep(500, undefined, { signal });
  }
}

async function findLastBackup({ lifeboat }: Scene): Promise<string> {
  const runs = await lifeboat.runJson<RunLine>(["history", "--asset", "db1/shop", "--kind", "backup", "--result", "passed"]);
  if (runs[0] === undefined) throw new StepFailure("the history knows no backup of db1/shop", "This is a bug: please report it.");
  return runs[0].job;
}

async function readVerdict({ signal }: Scene, pageUrl: string): Promise<string> {
  const answer = await fetch(pageUrl, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
  const heading = /<h1[^>]*>(.*?)<\/h1>/s.exec(await answer.text())?.[1] ?? "";
  const verdict = heading.replace(/<[^>]*>/g, "").trim();
  if (answer.status !== 200 || verdict === "")
    throw new StepFailure(
      `the page at ${pageUrl} answers ${answer.status} and gives no verdict`,
      "The service's log stands above.",
    );
  return verdict;
}
