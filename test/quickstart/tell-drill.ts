import { readFile } from "node:fs/promises";
import type { DrillReport } from "@lifeboat/drill";
import type { Scene } from "./scene.ts";
import type { Stage } from "./set-the-stage.ts";
import { StepFailure } from "./step-failure.ts";
import { assets } from "./tell-backups.ts";

/** The service drill through the service, and its report as a file. Returns the file's path. */
export function tellDrill(scene: Scene, { www }: Stage): Promise<string> {
  const { terminal, lifeboat, folder } = scene;
  return terminal.step("A drill: the shop comes back from the second repository, and every check is checked", async () => {
    // 6 and 7 are answers, too: the report says why.
    const { exitCode } = await lifeboat.run(["drill", "run", "shop"], [6, 7]);
    terminal.command("lifeboat drill run shop");
    const [report] = await lifeboat.runJson<DrillReport>(["drill", "report", "shop"]);
    if (report === undefined) throw new StepFailure("the drill left no report", "Look at it with: lifeboat drill list");
    for (const { id, verdict, found, control } of report.checks) {
      const damage = control.damages.find((tried) => tried.verdict === "failed");
      const said = control.verdict === "proved" && damage !== undefined ? `says no with ${damage.damage}` : control.reason;
      terminal.fact(`${verdict === "passed" ? "✓" : "✗"} ${id.padEnd(13)} ${found.padEnd(18)} ${said.replaceAll(`${www}/`, "")}`);
    }
    judge(report, exitCode);
    const file = `${folder}/report.html`;
    await lifeboat.run(["drill", "report", "shop", "--html", file]);
    if (!(await readFile(file, "utf8")).includes("</html>"))
      throw new StepFailure(`${file} is no whole report`, "Please report it.");
    return { figure: report.verdict, value: file };
  });
}

function judge(report: DrillReport, exitCode: number): void {
  const advice = "'lifeboat drill report shop --config FILE' shows every step; the restored data was removed.";
  if (report.outcome !== "passed" || exitCode !== 0) {
    const causes = report.causes.map(({ where, reason }) => `${where}: ${reason}`).join("; ");
    throw new StepFailure(`the drill ${report.outcome}: ${causes}`, advice);
  }
  const unproved = report.checks.find((check) => check.verdict !== "passed" || check.control.verdict !== "proved");
  if (unproved !== undefined || report.checks.length !== 5)
    throw new StepFailure(`check ${unproved?.id} is not proved by its control: ${unproved?.control.reason}`, advice);
  const proven = report.assets.filter(({ restored, proved_by }) => restored && proved_by.length > 0).map(({ asset }) => asset);
  if (!assets.every((asset) => proven.includes(asset)))
    throw new StepFailure(`only ${proven.join(", ") || "nothing"} was proven`, advice);
  if (report.leftovers.length > 0) throw new StepFailure(`the drill left ${report.leftovers.length} things behind`, advice);
}
