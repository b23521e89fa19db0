import { AppError } from "../../kit/errors.ts"
import type { SubjectKind } from "../journal/index.ts"

/** The same whether there is none or it is not for the caller. */
export function notThere(
  kind: Extract<SubjectKind, "service-record" | "pipeline-run" | "model-version">,
  id: string,
): AppError {
  return new AppError("not_found", `There is no ${kind.replace("-", " ")} ${id}.`, {
    resource: kind,
    name: id,
  })
}
