"""python -m optbench"""

from optbench.cli.app import main

main()
