# A room is a folder with one concern, and a CMake target that sees only the rooms which it links: each room offers its
# headers through a directory of its own in the build tree, and there is no include path to the whole project.

# passthrough_headers(TARGET FOLDER): lets whoever links TARGET include "FOLDER/*.h". FOLDER is relative to the project's
# root; folders below it are rooms of their own.
function(passthrough_headers target folder)
  set(view ${PROJECT_BINARY_DIR}/rooms/${target})
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.h)
  file(REMOVE_RECURSE ${view})
  file(MAKE_DIRECTORY ${view}/${folder})
  foreach(header IN LISTS headers)
    get_filename_component(name ${header} NAME)
    file(CREATE_LINK ${header} ${view}/${folder}/${name} SYMBOLIC)
  endforeach()
  target_include_directories(${target} PUBLIC ${view})
endfunction()

# passthrough_room(TARGET [OBJECT] SOURCES … [USES TARGET …] [HIDES TARGET …] [HEADERS_OF TARGET …]): the library of the
# folder that this is called in.
#   OBJECT      objects in place of an archive, of which a program takes all
#   USES        rooms and libraries that its headers or its sources name; whoever links it sees them, too
#   HIDES       those that its sources alone name
#   HEADERS_OF  rooms of objects whose headers it names: the program links them
function(passthrough_room target)
  cmake_parse_arguments(ARG "OBJECT" "" "SOURCES;USES;HIDES;HEADERS_OF" ${ARGN})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(ARG_OBJECT)
    add_library(${target} OBJECT ${ARG_SOURCES})
  else()
    add_library(${target} STATIC ${ARG_SOURCES})
  endif()
  target_link_libraries(${target} PUBLIC passthrough_options ${ARG_USES} PRIVATE ${ARG_HIDES})
  foreach(other IN LISTS ARG_HEADERS_OF)
    target_include_directories(${target} PRIVATE $<TARGET_PROPERTY:${other},INTERFACE_INCLUDE_DIRECTORIES>)
  endforeach()
  passthrough_headers(${target} ${folder})
endfunction()
