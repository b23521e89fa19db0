import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

/** Everything that does not hold in the database of a server that is down: empty when all is in line. */
export function databaseFaults(dataDir: string): readonly string[] {
  const db = new DatabaseSync(join(dataDir, "berth.db"))
  try {
    const faults: string[] = []
    const rows = (sql: string) =>
      db
        .prepare(sql)
        .all()
        .map((row) => JSON.stringify(row))
    const integrity = rows("pragma integrity_check")
    if (integrity.join() !== '{"integrity_check":"ok"}') faults.push(...integrity)
    for (const [sentence, sql] of Object.entries(rules))
      faults.push(
        ...rows(sql)
          .slice(0, 5)
          .map((row) => `${sentence}: ${row}`),
      )
    return faults
  } finally {
    db.close()
  }
}

/** Each gives the rows that break it. */
const rules: Readonly<Record<string, string>> = {
  "a row refers to one that is not there": "pragma foreign_key_check",
  "a workload without its spec":
    'select w.id from workload w left join workload_spec s on s.workload_key = w."key" where s.workload_key is null',
  "a workload whose creation is no event, or more than one": `select w.id, (select count(*) from event e where e.subject_kind = 'workload' and e.subject_id = w.id
       and e.type = 'workload.created') n from workload w where n <> 1`,
  "a workload whose creation is not in the audit, or twice": `select w.id, (select count(*) from audit a where a.subject_kind = 'workload' and a.subject_id = w.id
       and a.operation = 'workload.create' and a.outcome = 'ok') n from workload w where n <> 1`,
  "attempts that are not as many as were dispatched": `select w.id, w.dispatch_count, (select count(*) from attempt a where a.workload_key = w."key") n
       from workload w where n <> w.dispatch_count`,
  "attempts of one workload with the same number":
    "select workload_key, run, count(*) n from attempt group by workload_key, run having n > 1",
  "an attempt without its claim":
    "select a.id from attempt a left join claim c on c.id = a.claim_id where c.id is null",
  "a live attempt that is not its workload's current one": `select a.id, w.attempt_id from attempt a join workload w on w."key" = a.workload_key
       where a.state not in ('gone', 'ending') and w.attempt_id is not a.id`,
  "a live claim whose workload has ended without an attempt that still ends": `select c.id, c.state, w.id, w.phase from claim c join workload w on w."key" = c.owner_id
       where c.state <> 'gone' and w.phase in ('Succeeded', 'Failed', 'Stopped')
       and not exists (select 1 from attempt a where a.claim_id = c.id and a.state <> 'gone')`,
  "a claim that holds nodes for no live attempt": `select c.id, c.state from claim c where c.state in ('bound', 'releasing')
       and not exists (select 1 from attempt a where a.claim_id = c.id and a.state <> 'gone')`,
  "a live workload that neither waits nor runs": `select w.id, w.phase from workload w where w.phase in ('Pending', 'Running')
       and not exists (select 1 from claim c where c.owner_id = w."key" and c.state <> 'gone')
       and not exists (select 1 from attempt a where a.workload_key = w."key" and a.state <> 'gone')`,
  "counts that are not those of the rows": `select k.workspace_id, k.phase, k.n, (select count(*) from workload w where w.workspace_id = k.workspace_id
       and w.phase = k.phase and w.hidden = 0) real from workload_count k where k.n <> real`,
  "a terminal workload without an end, or a live one with one": `select id, phase, ended_at_ms from workload
       where (phase in ('Succeeded', 'Failed', 'Stopped')) <> (ended_at_ms is not null)`,
}

export interface AttemptRow {
  readonly id: string
  readonly workloadId: string
  readonly state: string
}

/** What the rows say of each attempt. */
export function attemptsIn(dataDir: string): readonly AttemptRow[] {
  const db = new DatabaseSync(join(dataDir, "berth.db"), { readOnly: true })
  try {
    return db
      .prepare(
        'select a.id, a.state, w.id workload from attempt a join workload w on w."key" = a.workload_key',
      )
      .all()
      .map(({ id, state, workload }) => ({
        id: String(id),
        state: String(state),
        workloadId: String(workload),
      }))
  } finally {
    db.close()
  }
}
