/** Source of random numbers in [0, 1); seeded in tests and in the simulator. */
export type Random = () => number
