import type { OperationWords } from "./words.ts"

const createSliceUrl =
  "https://kubeslice.io/documentation/open-source/0.2.0/getting-started-with-cloud-clusters/installing-kubeslice/creating-a-slice"

/** By method and path: the operations about workspaces, inventory and keys. */
export const workspaceWords: Readonly<Record<string, OperationWords>> = {
  "POST /api/v1/slice-workspace": { doing: () => "Error registering Slice", documentation: createSliceUrl },
  "GET /api/v1/inventory": { doing: () => "Error occurred while fetching the inventory details" },
}
