export { type OpenStore, type OpenStoreOptions, openStore } from "./sqlite/open-store.ts"
export { type DataDirectoryLock, lockDataDirectory } from "./sqlite/lock-data-directory.ts"
export type { SliceStores } from "./slice-stores.ts"
