import type { BerthApiClient } from "./berth.ts"
import { createBerthApiClient } from "./berth.ts"
import type { ClientOptions } from "./http.ts"
import { createTransport } from "./http.ts"
import type { SessionsClient } from "./sessions.ts"
import { createSessionsClient } from "./sessions.ts"
import type { KuberayClient } from "./kuberay.ts"
import { createKuberayClient } from "./kuberay.ts"
import type { StreamsClient } from "./streams.ts"
import { createStreamsClient } from "./streams.ts"
import type { WorkloadsClient } from "./workloads.ts"
import { createWorkloadsClient } from "./workloads.ts"

/** Everything a Berth server answers, typed, one member a family. */
export interface BerthClient {
  /** Of the server, without a slash at the end. */
  readonly baseUrl: string
  /** `/api/v1/workloads`. */
  readonly workloads: WorkloadsClient
  /** `/berth/v1` but its streams. */
  readonly berth: BerthApiClient
  /** `/apis/v1`: Ray. */
  readonly kuberay: KuberayClient
  /** Signing in with a password, and out. */
  readonly sessions: SessionsClient
  /** Logs and events as they come. */
  readonly streams: StreamsClient
}

/**
 * A client of one server. Holds no connection and no state: make as many as you like.
 * @throws BerthError code `invalid` for a base URL or a token that is none
 */
export function createBerthClient(options: ClientOptions): BerthClient {
  const http = createTransport(options)
  return {
    baseUrl: http.baseUrl,
    workloads: createWorkloadsClient(http),
    berth: createBerthApiClient(http),
    kuberay: createKuberayClient(http),
    sessions: createSessionsClient(http),
    streams: createStreamsClient(http),
  }
}
