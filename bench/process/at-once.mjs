/**
 * Runs jobs, so many at a time, in the order given. For what is counted, not timed.
 *
 * @param {number} lanes
 * @param {(() => Promise<unknown>)[]} jobs
 */
export async function atOnce(lanes, jobs) {
  const waiting = [...jobs]
  const lane = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) await job()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
