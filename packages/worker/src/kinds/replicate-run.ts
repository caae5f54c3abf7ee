import { runReplicate } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";

export const replicateRun: RunKindHandler = ({ context, order, run }) => runReplicate(context, { ...order, asset: run.object });
