import { type ScanQuery, type SqlRow, isNeedless } from "../session.ts"
import type { Connection } from "./connection.ts"

/** The queries' answers in order, on whatever snapshot the connection has; those that have become needless are empty. */
export function runScan(
  connection: Connection,
  queries: readonly ScanQuery[],
): readonly (readonly SqlRow[])[] {
  const answers: (readonly SqlRow[])[] = []
  for (const query of queries) answers.push(isNeedless(query, answers) ? [] : connection.all(query))
  return answers
}
