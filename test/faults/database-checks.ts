import type { RealServer } from "../support/real-server.ts"

/** Everything that does not hold in the database of a server: empty when all is in line. */
export async function databaseFaults(server: Pick<RealServer, "rows">): Promise<readonly string[]> {
  const faults: string[] = []
  for (const [sentence, sql] of Object.entries(rules)) {
    const rows = await server.rows(sql)
    faults.push(...rows.slice(0, 5).map((row) => `${sentence}: ${JSON.stringify(row)}`))
  }
  return faults
}

/** What SQLite itself says of its file: empty when that is sound. */
export async function fileFaults(server: Pick<RealServer, "rows">): Promise<readonly string[]> {
  const integrity = await server.rows("pragma integrity_check")
  const references = await server.rows("pragma foreign_key_check")
  const isSound = integrity.length === 1 && integrity[0]?.["integrity_check"] === "ok"
  return [...(isSound ? [] : integrity), ...references].map((row) => JSON.stringify(row))
}

const jobs = "('PyTorchJob', 'Authoring')"

/** Each gives the rows that break it. */
const rules: Readonly<Record<string, string>> = {
  "a workload without its spec":
    'select w.id from workload w left join workload_spec s on s.workload_key = w."key" where s.workload_key is null',
  "a workload whose creation is no event, or more than one": `select * from (select w.id, (select count(*) from event e where e.subject_kind = 'workload' and e.subject_id = w.id
       and e.type = 'workload.created') n from workload w) x where n <> 1`,
  "a workload whose creation is not in the audit, or twice": `select * from (select w.id, (select count(*) from audit a where a.subject_kind = 'workload' and a.subject_id = w.id
       and a.operation = 'workload.create' and a.outcome = 'ok') n from workload w) x where n <> 1`,
  "attempts that are not as many as were dispatched": `select * from (select w.id, w.dispatch_count, (select count(*) from attempt a where a.workload_key = w."key") n
       from workload w where w.kind in ${jobs}) x where n <> dispatch_count`,
  "attempts of one job with the same number": `select a.workload_key, a.run, count(*) n from attempt a
       join workload w on w."key" = a.workload_key where w.kind in ${jobs}
       group by a.workload_key, a.run having count(*) > 1`,
  "an attempt without its claim":
    "select a.id from attempt a left join claim c on c.id = a.claim_id where c.id is null",
  "a live attempt that is not its workload's current one": `select a.id, w.attempt_id from attempt a join workload w on w."key" = a.workload_key
       where a.state not in ('gone', 'ending') and w.attempt_id is distinct from a.id and w.kind in ${jobs}`,
  "a live attempt that is not its replica's current one": `select a.id from attempt a
       join workload w on w."key" = a.workload_key left join replica r on r.attempt_id = a.id
       where a.state <> 'gone' and w.kind not in ${jobs} and r.id is null`,
  "a replica of a workload that has ended, without an attempt that still ends": `select r.pod_id, r.state from replica r
       join workload w on w."key" = r.workload_key where w.ended_at_ms is not null
       and not exists (select 1 from attempt a where a.id = r.attempt_id and a.state <> 'gone')`,
  "a replica whose claim is gone": `select r.pod_id, r.state from replica r left join claim c on c.id = r.claim_id
       where c.id is null or c.state = 'gone'`,
  "a live claim whose workload has ended without an attempt that still ends": `select c.id, c.state, w.id, w.phase from claim c join workload w on w."key" = c.owner_id
       where c.state <> 'gone' and w.phase in ('Succeeded', 'Failed', 'Stopped')
       and not exists (select 1 from attempt a where a.claim_id = c.id and a.state <> 'gone')`,
  "a claim that holds nodes for no live attempt": `select c.id, c.state from claim c where c.state in ('bound', 'releasing')
       and not exists (select 1 from replica r where r.claim_id = c.id and r.state = 'placed')
       and not exists (select 1 from attempt a where a.claim_id = c.id and a.state <> 'gone')`,
  "a live workload that neither waits nor runs": `select w.id, w.phase from workload w where w.phase in ('Pending', 'Running')
       and not exists (select 1 from claim c where c.owner_id = w."key" and c.state <> 'gone')
       and not exists (select 1 from attempt a where a.workload_key = w."key" and a.state <> 'gone')`,
  "counts that are not those of the rows": `select * from (select k.workspace_id, k.phase, sum(k.n) n,
       (select count(*) from workload w where w.workspace_id = k.workspace_id and w.phase = k.phase and w.hidden = 0) found
       from workload_count k group by k.workspace_id, k.phase) x where n <> found`,
  "a terminal workload without an end, or a live one with one": `select id, phase, ended_at_ms from workload
       where (phase in ('Succeeded', 'Failed', 'Stopped')) <> (ended_at_ms is not null)`,
}

export interface AttemptRow {
  readonly id: string
  readonly workloadId: string
  readonly state: string
}

/** What the rows say of each attempt. */
export async function attemptsIn(server: Pick<RealServer, "rows">): Promise<readonly AttemptRow[]> {
  const rows = await server.rows(
    'select a.id, a.state, w.id as workload from attempt a join workload w on w."key" = a.workload_key',
  )
  return rows.map(({ id, state, workload }) => ({
    id: String(id),
    state: String(state),
    workloadId: String(workload),
  }))
}
