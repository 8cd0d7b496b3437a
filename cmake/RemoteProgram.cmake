# remote_program(NAME source…): a program of the name of a probe, which is sent to the nodes with it, so it depends on a C
# library and nothing else, and on an old one: see remote/programs/start.c. The sources of remote/programs are added.
function(remote_program name)
  set(shared ${PROJECT_SOURCE_DIR}/remote/programs)
  add_executable(${name} ${ARGN} ${shared}/facts.c ${shared}/kernel_view.c ${shared}/start.c ${shared}/supervisor.c)
  set_target_properties(${name} PROPERTIES
    C_STANDARD 11 C_EXTENSIONS OFF UNITY_BUILD OFF POSITION_INDEPENDENT_CODE ON
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/libexec/pcie-passthrough-suite)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  # Neither hardening nor sanitizers may add symbols that an older C library lacks.
  target_compile_options(${name} PRIVATE
    -O2 -Wall -Wextra -Wpedantic $<$<BOOL:${PASSTHROUGH_WERROR}>:-Werror>
    -U_FORTIFY_SOURCE -fno-stack-protector)
  target_link_options(${name} PRIVATE -s)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_definitions(${name} PRIVATE PASSTHROUGH_OLD_GLIBC)
    target_compile_options(${name} PRIVATE -include ${shared}/old_versions.h)
    target_link_options(${name} PRIVATE -nostartfiles)
  endif()
endfunction()
