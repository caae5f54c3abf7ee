import { type CompiledDrill, isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import { inconclusive } from "./checks/check-outcome.ts";
import { runCheck } from "./checks/run-check.ts";
import { DrillLog } from "./drill-log.ts";
import { type DrillRun, emit } from "./drill-run.ts";
import { type GraphNode, type NodeOutcome, runGraph } from "./graph/run-graph.ts";
import { withTimeout } from "./graph/with-timeout.ts";
import { planDrill } from "./plan/plan-drill.ts";
import { makeRunToken } from "./plan/substitute.ts";
import type { DrillOptions, DrillPorts } from "./ports.ts";
import { runPreflight } from "./preflight/preflight.ts";
import { openCreatedJournal } from "./provision/created-journal.ts";
import { provisionTargets } from "./provision/provision-targets.ts";
import { buildReport } from "./report/build-report.ts";
import type { DrillCause, DrillReport } from "./report/drill-report.ts";
import { maskDeep, maskSecrets } from "./report/mask-secrets.ts";
import { runControls } from "./run-controls.ts";
import { causeOf, isBadData, isBadRepository, runStep } from "./steps/run-step.ts";
import { finishDrill } from "./teardown/finish-drill.ts";

/** Steps and checks at once: enough for every real drill, and a bound for the others. */
const maxParallel = 8;
/** The sweeper leaves a run alone until its deadline and the teardown's own time are surely over. */
const graceSeconds = 1800;

/**
 * Runs a drill from preflight to evidence and reports; whatever happens, what it made is removed and that is verified.
 * Rejects with drill-invalid for a definition that cannot be run and drill-target-failed when the journal cannot be written;
 * everything else is in the report.
 */
export async function runDrill(drill: CompiledDrill, ports: DrillPorts, options: DrillOptions): Promise<DrillReport> {
  const startedAtMs = ports.clock.now();
  const token = makeRunToken(drill.name, options.declaredAtMs, ports.random);
  const plan = planDrill(drill, token, (host) => ports.hostPurpose(host));
  const expiresAtMs = startedAtMs + (drill.deadlineSeconds + drill.teardown.keepOnFailureSeconds + graceSeconds) * 1000;
  const journal = await openCreatedJournal(options.journalFile, { drill: drill.name, run: plan.run, expiresAtMs });
  const run: DrillRun = {
    plan,
    ports,
    options,
    startedAtMs,
    journal,
    log: new DrillLog(drill, options.declaredAtMs),
    causes: [],
    snapshots: new Map(),
    made: { targets: new Map(), workFolders: new Map(), servers: new Map(), warnings: [] },
    secrets: new Set(),
    preflight: undefined,
    context: undefined,
    dataAgeSeconds: undefined,
  };
  run.log.spans.push({ part: "queue", fromMs: options.declaredAtMs, toMs: startedAtMs });
  const stop = options.signal ?? new AbortController().signal;
  let checkedAtMs = startedAtMs;
  try {
    const work = async (signal: AbortSignal) => {
      await prepare(run, signal);
      await recover(run, signal);
      checkedAtMs = ports.clock.now();
      await runControls(run, signal);
    };
    // A longer grace than that of single steps, which end inside of it.
    await withTimeout(ports.clock, drill.deadlineSeconds, "the drill", stop, work, 10);
  } catch (error) {
    if (checkedAtMs === startedAtMs) checkedAtMs = ports.clock.now();
    if (!stop.aborted) run.causes.push(phaseCause(run, error));
  }
  const finish = await finishDrill(run, { cancelled: stop.aborted, checkedAtMs });
  const report = maskDeep(buildReport(run, finish), maskSecrets(run.secrets));
  return saveReport(report, ports);
}

async function prepare(run: DrillRun, signal: AbortSignal): Promise<void> {
  const { plan, ports, options, journal, made } = run;
  emit(run, { phase: "preflight", id: "preflight", state: "started", detail: "" });
  run.preflight = await runPreflight(plan, ports, options.declaredAtMs, run.snapshots, signal);
  const { machines } = run.preflight;
  emit(run, { phase: "preflight", id: "preflight", state: "passed", detail: [...run.preflight.skewSeconds.keys()].join(", ") });
  emit(run, { phase: "provisioning", id: "provisioning", state: "started", detail: "" });
  const keepSecret = (value: string) => run.secrets.add(value);
  const workFolder = options.workFolder ?? "/tmp";
  await provisionTargets({ plan, ports, machines, snapshots: run.snapshots, journal, workFolder, keepSecret }, made, signal);
  emit(run, { phase: "provisioning", id: "provisioning", state: "passed", detail: [...made.targets.keys()].join(", ") });
  run.log.spans.push({ part: "provision", fromMs: run.startedAtMs, toMs: ports.clock.now() });
  run.context = {
    plan,
    ports,
    declaredAtMs: options.declaredAtMs,
    targets: made.targets,
    snapshots: run.snapshots,
    samples: new Map(),
    workFolders: made.workFolders,
    machines,
    mask: (text) => maskSecrets(run.secrets)(text),
  };
}

type Work = (signal: AbortSignal) => Promise<NodeOutcome>;

/** The timed part: steps as soon as what they need is there, checks right after their steps. */
async function recover(run: DrillRun, signal: AbortSignal): Promise<void> {
  const { drill } = run.plan;
  const nodes: GraphNode<Work>[] = [
    ...drill.steps.map((step) => ({ id: step.id, needs: step.needs, value: (s: AbortSignal) => doStep(run, step, s) })),
    ...drill.checks.map((check) => ({
      id: check.id,
      needs: [check.after, ...check.needs],
      value: (s: AbortSignal) => doCheck(run, check, s),
    })),
  ];
  await runGraph(nodes, {
    limit: maxParallel,
    run: (node) => node.value(signal),
    skip: (node, missing) => run.log.skip(node.id, `not run: it needs ${missing}`),
  });
  signal.throwIfAborted();
}

async function doStep(run: DrillRun, step: CompiledDrill["steps"][number], signal: AbortSignal): Promise<NodeOutcome> {
  const { ports, log, context } = run;
  const fromMs = ports.clock.now();
  emit(run, { phase: "step", id: step.id, state: "started", detail: "" });
  try {
    const done = await withTimeout(ports.clock, step.timeoutSeconds, `step ${step.id}`, signal, (s) =>
      runStep(step, context!, s),
    );
    log.endStep(step.id, fromMs, ports.clock.now(), { verdict: "passed", ...done });
    emit(run, { phase: "step", id: step.id, state: "passed", detail: done.detail });
    return "go";
  } catch (error) {
    const verdict = !signal.aborted && isBadData(error) ? "failed" : "inconclusive";
    log.endStep(step.id, fromMs, ports.clock.now(), { verdict, detail: causeOf(error) });
    emit(run, { phase: "step", id: step.id, state: verdict, detail: causeOf(error) });
    return "stop";
  }
}

async function doCheck(run: DrillRun, check: CompiledDrill["checks"][number], signal: AbortSignal): Promise<NodeOutcome> {
  const { ports, log, context } = run;
  const fromMs = ports.clock.now();
  emit(run, { phase: "check", id: check.id, state: "started", detail: "" });
  const outcome = await withTimeout(ports.clock, check.timeoutSeconds, `check ${check.id}`, signal, (s) =>
    runCheck(check, context!, s),
  ).catch((error: unknown) => ({
    ...inconclusive("", causeOf(error)),
    ...(!signal.aborted && isBadData(error) ? { verdict: "failed" as const } : {}),
  }));
  log.endCheck(check.id, fromMs, ports.clock.now(), outcome);
  if (outcome.dataAgeSeconds !== undefined) run.dataAgeSeconds = Math.max(run.dataAgeSeconds ?? 0, outcome.dataAgeSeconds);
  const detail = outcome.verdict === "passed" ? outcome.found : outcome.detail;
  emit(run, { phase: "check", id: check.id, state: outcome.verdict, detail });
  return outcome.verdict === "passed" ? "go" : "stop";
}

/** What ended a whole phase: preflight, provisioning or the deadline. */
function phaseCause(run: DrillRun, error: unknown): DrillCause {
  const where = run.preflight === undefined ? "preflight" : run.context === undefined ? "provisioning" : "deadline";
  const timedOut = isLifeboatError(error, "drill-timeout");
  if (!timedOut && !(error instanceof LifeboatError))
    run.ports.logger.error({ error: maskSecrets(run.secrets)(messageOf(error)) }, "the drill met an error of its own");
  // Before the first step only what stands in the repository is a no; a server that does not start says nothing about it.
  const kind = isBadRepository(error) ? "failed" : "inconclusive";
  return { kind, where: timedOut ? "deadline" : where, reason: causeOf(error) };
}

async function saveReport(report: DrillReport, ports: DrillPorts): Promise<DrillReport> {
  try {
    await ports.saveEvidence(Buffer.from(JSON.stringify(report)));
    return report;
  } catch (error) {
    const cause: DrillCause = { kind: "warning", where: "evidence", reason: `could not be stored: ${causeOf(error)}` };
    return { ...report, causes: [...report.causes, cause], warnings: report.warnings + 1 };
  }
}
