export type { Condition, Filter, Json, Metadata, Operators } from '../filter/filter.js'
export { Collection } from './collection.js'
export type {
  CloseOptions,
  CollectionOptions,
  CollectionResult,
  CollectionSearchOptions,
  CollectionStats,
  Item,
  ItemId,
  ItemMatch,
  Lost,
  NewItem,
  NewItems,
} from './options.js'
