import { requestFault, type KuberayRouteName } from "@berth/contract/kuberay"
import type { Principal } from "../../domain/identity/index.ts"
import type { RayObjects } from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"
import { clusterHandlers } from "./cluster-handlers.ts"
import { details, wordFault } from "./faults.ts"
import { jobHandlers } from "./job-handlers.ts"
import { subjectOf, type AnswerOf, type RayHandlers, type RequestOf } from "./requests.ts"
import { serviceHandlers } from "./service-handlers.ts"
import { submissionHandlers } from "./submission-handlers.ts"
import { templateHandlers } from "./template-handlers.ts"

/**
 * Does one operation, whatever brought the request.
 * @param signal the caller gave up or its time is over: the answer comes at once, the work goes on where it has begun
 * @throws AppError in this API's words: `statusOf` of it is the answer
 */
export type RayCall = <Name extends KuberayRouteName>(
  name: Name,
  principal: Principal,
  request: RequestOf<Name>,
  signal?: AbortSignal,
) => Promise<AnswerOf<Name>>

/** Every operation of the API on these objects. */
export function createRayCall(ray: RayObjects): RayCall {
  const handlers: RayHandlers = {
    ...templateHandlers(ray),
    ...clusterHandlers(ray),
    ...jobHandlers(ray),
    ...serviceHandlers(ray),
    ...submissionHandlers(ray),
  }
  return async (name, principal, request, signal) => {
    try {
      check(name, request)
      return await inTime(handlers[name](principal, request), signal)
    } catch (thrown) {
      throw wordFault(AppError.from(thrown), name, subjectOf(request))
    }
  }
}

/** @throws AppError `invalid` for what can be told without looking anything up */
function check<Name extends KuberayRouteName>(name: Name, request: RequestOf<Name>): void {
  const fault = requestFault(name, request)
  if (fault !== undefined) throw new AppError("invalid", fault, { detail: details.checked })
}

/** The work, or what its signal ends it with. */
async function inTime<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  const over = Promise.withResolvers<never>()
  const end = () => over.reject(new AppError("timeout", "context deadline exceeded"))
  signal.addEventListener("abort", end, { once: true })
  if (signal.aborted) end()
  try {
    return await Promise.race([work, over.promise])
  } finally {
    signal.removeEventListener("abort", end)
  }
}
