import { AppError } from "../../kit/errors.ts"
import type { SubjectKind } from "../journal/index.ts"

/** They could steer a terminal that shows them; NUL and halves of characters are what not every store keeps. */
const control = /[\u0000-\u001f\u007f-\u009f\p{Surrogate}]/u

/**
 * Names and labels that this server's own API is given; what ZenML's clients write is taken as their server takes it.
 * @throws AppError `invalid` with an issue for each that has control characters in it
 */
export function checkTexts(
  resource: SubjectKind,
  texts: Readonly<Record<string, string | null | undefined>>,
): void {
  const issues = Object.entries(texts)
    .filter(([, text]) => control.test(text ?? ""))
    .map(([name]) => ({ path: [name], message: "must not have control characters" }))
  if (issues.length === 0) return
  throw new AppError("invalid", `The ${resource.replace("-", " ")} is not valid.`, { resource, issues })
}
