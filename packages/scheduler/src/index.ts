export { type ReconcileOptions, type Reconciliation, reconcile } from "./reconcile.ts";
export { createSilenceWatch, type SilenceWatch } from "./runs/watch-silence.ts";
export { priorityOf, type ScheduledObject, scheduledObjects } from "./slots/scheduled-objects.ts";
export { createSettledWatch, type SettledWatch } from "./slots/watch-settled.ts";
export { type Scheduler, type SchedulerOptions, startScheduler } from "./start-scheduler.ts";
