"""Runs and cohorts on the CPU or on a GPU: settings, mini-batches, lanes, results; and steppers for your own arrays.

Records in, arrays out; it knows neither specs nor tables nor folders. In layers: runner.py decides when lanes step, are
evaluated and stop; CpuLanes, GpuLanes and EagerLanes have the arrays of some lanes; kernels come from compiler/.
"""
