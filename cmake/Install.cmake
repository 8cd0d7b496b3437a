# What an installation has, in two parts: the suite, and the lab with what builds its images. All paths are relative to
# bin/, beside which the programs look (base/install_paths.h), so that an installation can be moved.
set(data share/pcie-passthrough-suite)
set(programs passthrough-suite passthrough-lab)

# Manual pages and completions, by the programs themselves.
set(pages ${PROJECT_BINARY_DIR}/pages)
find_program(GZIP_PROGRAM gzip REQUIRED)
foreach(program IN LISTS programs)
  if(program STREQUAL passthrough-suite)
    set(part suite)
    set(manual --manual)
    set(completion --completion)
  else()
    set(part lab)
    set(manual manual)
    set(completion completion)
  endif()
  set(page ${pages}/${program})
  add_custom_command(OUTPUT ${page}.1.gz ${page}.bash ${page}.zsh ${page}.fish
    COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}
    COMMAND ${program} ${manual} > ${page}.1
    COMMAND ${GZIP_PROGRAM} -9nf ${page}.1
    COMMAND ${program} ${completion} bash > ${page}.bash
    COMMAND ${program} ${completion} zsh > ${page}.zsh
    COMMAND ${program} ${completion} fish > ${page}.fish
    DEPENDS ${program} VERBATIM)
  list(APPEND made_pages ${page}.1.gz)
  install(TARGETS ${program} DESTINATION bin COMPONENT ${part})
  install(FILES ${page}.1.gz DESTINATION share/man/man1 COMPONENT ${part})
  install(FILES ${page}.bash DESTINATION share/bash-completion/completions RENAME ${program} COMPONENT ${part})
  install(FILES ${page}.zsh DESTINATION share/zsh/vendor-completions RENAME _${program} COMPONENT ${part})
  install(FILES ${page}.fish DESTINATION share/fish/vendor_completions.d RENAME ${program}.fish COMPONENT ${part})
endforeach()
add_custom_target(pages ALL DEPENDS ${made_pages})

install(TARGETS disks workload DESTINATION libexec/pcie-passthrough-suite COMPONENT suite)
install(DIRECTORY configs DESTINATION ${data} COMPONENT suite USE_SOURCE_PERMISSIONS)
install(DIRECTORY remote DESTINATION ${data} COMPONENT suite USE_SOURCE_PERMISSIONS
  FILES_MATCHING PATTERN "*.sh" PATTERN workload EXCLUDE PATTERN disks EXCLUDE PATTERN programs EXCLUDE)
install(FILES cmake/ClusterTests.cmake DESTINATION ${data}/cmake COMPONENT suite)
# What Debian's policy wants of each package.
set(PASSTHROUGH_PACKAGE_CONTACT "pcie-passthrough-suite <root@localhost>" CACHE STRING
  "Maintainer of the packages that cpack makes: whoever builds them")
set(CPACK_PACKAGE_CONTACT "${PASSTHROUGH_PACKAGE_CONTACT}")
foreach(part suite lab)
  set(package pcie-passthrough-${part})
  configure_file(cmake/packages/changelog.in ${pages}/${package}.changelog @ONLY)
  execute_process(COMMAND ${GZIP_PROGRAM} -9nf ${pages}/${package}.changelog COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${pages}/${package}.changelog.gz DESTINATION share/doc/${package} RENAME changelog.gz COMPONENT ${part})
  install(FILES cmake/packages/copyright DESTINATION share/doc/${package} COMPONENT ${part})
  install(FILES cmake/packages/${package}.lintian-overrides DESTINATION share/lintian/overrides RENAME ${package}
    COMPONENT ${part})
endforeach()
install(FILES README.md DESTINATION share/doc/pcie-passthrough-suite COMPONENT suite)
install(DIRECTORY docs DESTINATION share/doc/pcie-passthrough-suite COMPONENT suite)

install(DIRECTORY lab/images lab/stub DESTINATION ${data}/lab COMPONENT lab USE_SOURCE_PERMISSIONS
  PATTERN "*.md" EXCLUDE)
install(PROGRAMS lab/host/rehearse-deployment.sh DESTINATION ${data}/lab/host COMPONENT lab)

# Packages of Debian: cpack in the build directory.
set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL suite lab)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SUITE_PACKAGE_NAME pcie-passthrough-suite)
set(CPACK_DEBIAN_LAB_PACKAGE_NAME pcie-passthrough-lab)
set(CPACK_COMPONENT_SUITE_DESCRIPTION "checks that devices passed through to virtual machines work
Deploys a cluster with libvirt, checks on every VM over SSH that its GPUs and
other devices that are passed through with VFIO really work, and destroys the
cluster.")
set(CPACK_COMPONENT_LAB_DESCRIPTION "GPU hosts in virtual machines, with emulated devices
Boots a virtual machine with an IOMMU, libvirt, and emulated PCI devices, in
which pcie-passthrough-suite runs on any machine, without a GPU and without
KVM.")
# What the programs start; the libraries that they are linked with are found out.
file(STRINGS cmake/setup.sh package_lists NEWLINE_CONSUME)
string(REGEX MATCH "lab_packages='([^']*)'" lab_packages "${package_lists}")
string(REGEX REPLACE "[ \n]+" ", " lab_packages "${CMAKE_MATCH_1}")
set(CPACK_DEBIAN_SUITE_PACKAGE_DEPENDS openssh-client)
set(CPACK_DEBIAN_SUITE_PACKAGE_RECOMMENDS "pcie-passthrough-lab (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_LAB_PACKAGE_DEPENDS "openssh-client, ${lab_packages}")
include(CPack)
