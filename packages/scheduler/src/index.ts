export { type ReconcileOptions, type Reconciliation, reconcile } from "./reconcile.ts";
export { priorityOf, type ScheduledObject, scheduledObjects } from "./slots/scheduled-objects.ts";
export { type Scheduler, type SchedulerOptions, startScheduler } from "./start-scheduler.ts";
