# Read by include(CTest) and by `ctest -S`. There is no dashboard: results are JUnit XML, see README.md.
set(CTEST_PROJECT_NAME "pcie-passthrough-suite")
set(CTEST_NIGHTLY_START_TIME "01:00:00 UTC")
