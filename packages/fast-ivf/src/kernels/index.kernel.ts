export { assignRows, nearestCells, products } from './assign.kernel'
export { addToSums, means } from './means.kernel'
export { gatherRows, prepareRows, scatterRows } from './rows.kernel'
export { clearHeaps, finishQueries, scanVisits } from './scan.kernel'
