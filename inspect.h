/* assay inspect: the kinds of files of measure/, and what only the image builder's room can read. */
#ifndef INSPECT_H
#define INSPECT_H

int cmd_inspect_any(int argc, char **argv);

#endif
