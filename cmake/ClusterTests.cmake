# Read by ctest each time it starts, from a file that has said where things are: makes the checks of a cluster file
# tests of ctest. Asked anew each time, so that a changed cluster file changes the tests, not only a changed program.
#   PASSTHROUGH_CONFIG    the cluster file (default: configs/test-pcie-passthrough-minimal.yaml)
#   PASSTHROUGH_PROFILE   where and how (default: lab)
#   PASSTHROUGH_LOG_DIR   where run directories are made (default: logs in the project's root, or, of an installed suite,
#                         in the directory of --ctest)
#   PASSTHROUGH_CYCLES    reboots of each GPU node: runs the disruptive suite, too (default: it is not run)
#   PASSTHROUGH_RUN_LINK  the file that names the run to check (default: one in the build directory)
# Relative paths, these and the profile's, are from the directory in which ctest was called, as the shell names it in
# PWD: ctest itself is in the build directory by now.
# Set by the file that includes this: suite, the program; configs, the folder of cluster files; root, where logs is;
# directory, where the file is that names the run.
set(link "$ENV{PASSTHROUGH_RUN_LINK}")
set(config "$ENV{PASSTHROUGH_CONFIG}")
set(profile "$ENV{PASSTHROUGH_PROFILE}")
set(log_dir "$ENV{PASSTHROUGH_LOG_DIR}")
if(link STREQUAL "")
  set(link "${directory}/cluster-run")
endif()
if(config STREQUAL "")
  set(config "${configs}/test-pcie-passthrough-minimal.yaml")
endif()
if(profile STREQUAL "")
  set(profile lab)
endif()
if(log_dir STREQUAL "")
  set(log_dir "${root}/logs")
endif()

set(working_directory "$ENV{PWD}")
if(NOT IS_DIRECTORY "${working_directory}")
  set(working_directory "${root}")
endif()

get_filename_component(link "${link}" ABSOLUTE BASE_DIR "${working_directory}")

set(disruptive "")
if(NOT "$ENV{PASSTHROUGH_CYCLES}" STREQUAL "")
  set(disruptive --disruptive --cycles "$ENV{PASSTHROUGH_CYCLES}")
endif()

if(NOT EXISTS "${suite}")
  # A program that is not built must be red, not absent.
  add_test(cluster.not_built "${suite}")
  set_tests_properties(cluster.not_built PROPERTIES LABELS "cluster;${profile}")
else()
  file(REMOVE "${link}.cmake")
  execute_process(
    COMMAND "${suite}" --list-ctest "${link}" --config "${config}" --profile "${profile}"
            --log-dir "${log_dir}" ${disruptive}
    WORKING_DIRECTORY "${working_directory}"
    RESULT_VARIABLE status ERROR_VARIABLE error OUTPUT_QUIET)
  if(status EQUAL 0)
    include("${link}.cmake")
  else()
    # The same command as a test fails with the same message.
    message("${error}")
    add_test(cluster.configuration "${suite}" --list-ctest "${link}" --config "${config}"
             --profile "${profile}" ${disruptive})
    set_tests_properties(cluster.configuration PROPERTIES WORKING_DIRECTORY "${working_directory}" LABELS "cluster;${profile}")
  endif()
endif()
