# Each test of a GoogleTest program as a test of ctest, asked of the program whenever ctest starts. In place of CMake's
# gtest_discover_tests(), which takes each test for skipped that prints "[  SKIPPED ]": also one that failed, and shows
# what a run of the suite printed. Needs: name and binary of the program, and what its tests have: working_directory,
# labels, environment.
set(list "")
if(EXISTS "${binary}")
  execute_process(COMMAND "${binary}" --gtest_list_tests OUTPUT_VARIABLE list ERROR_QUIET)
endif()
string(REGEX REPLACE "  # [^\n]*" "" list "${list}") # parameters, which may be any text
string(REPLACE "\n" ";" list "${list}")
set(suite "")
set(found NO)
foreach(line IN LISTS list)
  if(line MATCHES "^([A-Za-z0-9_/]+[.])$")
    set(suite "${CMAKE_MATCH_1}")
  elseif(line MATCHES "^  ([A-Za-z0-9_/]+)$" AND suite)
    set(test "${suite}${CMAKE_MATCH_1}")
    set(found YES)
    add_test("${test}" "${binary}" "--gtest_filter=${test}")
    # The end of what GoogleTest prints of a test that was skipped.
    set_tests_properties("${test}" PROPERTIES LABELS "${labels}" TIMEOUT 300 ENVIRONMENT "${environment}"
      WORKING_DIRECTORY "${working_directory}" SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\] [^][]*$")
  endif()
endforeach()
if(NOT found) # one that is not built, or ends at once, must be red, not absent
  add_test("${name}.lists_its_tests" "${binary}" --gtest_list_tests)
  set_tests_properties("${name}.lists_its_tests" PROPERTIES LABELS "${labels}" FAIL_REGULAR_EXPRESSION ".")
endif()
