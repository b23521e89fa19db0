import { spine } from "./0001-spine.ts"
import { applications } from "./0002-applications.ts"
import { lists } from "./0003-lists.ts"
import { eventsOfAWorkspace } from "./0004-events-of-a-workspace.ts"
import { restored } from "./0005-restored.ts"
import { writersApart } from "./0006-writers-apart.ts"
import { gpuRequests } from "./0007-gpu-requests.ts"
import { tokens } from "./0008-tokens.ts"
import { likelyStarts } from "./0009-likely-starts.ts"
import { claimsOfSeveralSizes } from "./0010-claims-of-several-sizes.ts"
import { ray } from "./0011-ray.ts"
import { serviceRecords } from "./0012-service-records.ts"
import { idempotency } from "./0013-idempotency.ts"
import { passwords } from "./0014-passwords.ts"
import { serviceWatches } from "./0015-service-watches.ts"
import { serviceLists } from "./0016-service-lists.ts"
import { serviceNames } from "./0017-service-names.ts"
import type { Migration } from "./migration.ts"

/** Every step, oldest first. */
export const migrations: readonly Migration[] = [
  spine,
  applications,
  lists,
  eventsOfAWorkspace,
  restored,
  writersApart,
  gpuRequests,
  tokens,
  likelyStarts,
  claimsOfSeveralSizes,
  ray,
  serviceRecords,
  idempotency,
  passwords,
  serviceWatches,
  serviceLists,
  serviceNames,
]
export type { Migration } from "./migration.ts"
