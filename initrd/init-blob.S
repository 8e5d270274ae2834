/* The guest's PID 1, embedded: initrd_init_elf .. initrd_init_elf_end (initrd/initrd.h). */
	.section .rodata
	.global initrd_init_elf
	.global initrd_init_elf_end
	.balign 16
initrd_init_elf:
	.incbin INIT_PATH
initrd_init_elf_end:
	.section .note.GNU-stack,"",@progbits
