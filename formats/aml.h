/*
 * An assembler for ACPI Machine Language: a term in prefix notation goes in, AML comes out.
 * ACPI Specification 6.5, chapter 20 (AML) and section 6.4 (resource descriptors).
 *
 *   (device RTC (name _HID (eisaid 'PNP0B00')) (name _STA 0xf))
 *
 * Terms:
 *   12 0x1f      an integer, in the shortest encoding
 *   'text'       a string
 *   #0fff        bytes as they are: flags, counts, 16-bit timeouts
 *   \_SB.PCI0    a name; (NAME term...) is a call of a method with arguments
 *   local0-7 arg0-6 ones debug nil        (nil: no target)
 *   (scope NAME term...) (device NAME term...) (method NAME #flags term...)
 *   (processor NAME #id #block #length term...) (name NAME term) (mutex NAME #level)
 *   (region NAME #space term term) (field NAME #flags (UNIT bits) (skip bits)...)
 *   (package #count term...) (buffer #bytes) (uuid 'text') (eisaid 'text')
 *   (resources descriptor...), with its end tag, of
 *     (io min max align length) (irq mask) (irq_flags mask #flags) (memory32 #flags base length)
 *     (interrupts #flags #count #number...)
 *     (word|dword|qword #kind,general,specific flags granularity min max translation length)
 *   operators: if else while return break store add subtract and or shl shr not land lor eq gt lt
 *     inc sizeof deref index to_buffer to_hex dword_field notify acquire release
 */
#ifndef FORMATS_AML_H
#define FORMATS_AML_H

#include "lib/buf.h"
#include "lib/err.h"

#define AML_DEPTH_MAX 32 /* of nested terms */

/* Appends the AML of the terms in @text. -EINVAL, naming the offset, for text that is not in the
 * notation above; @ret then holds a part. */
int aml_assemble(const char *text, struct buf *ret, struct err *err) MUST_CHECK;

#endif
