//// data
.byte 1, -1, 0xff, 'a', '\n', 1+1
.short -2, 65535
.2byte 1
.value 3
.long 4, -1
.4byte 5
.int 6
.quad -1, 0x123456789abcdef0
.8byte 9
.dc.b 1, 2
.dc.w 3
.dc.l 4
.octa 0x0123456789abcdef0011223344556677, 12
.float 1.5, -1, 3, inf, -Inf, 1e-3, 0.1, 3.4028236e38
.single 2.5
.double 0.1, -1e300, 3
.ascii "ab\tc\"d\\\101\x41", "x" "y"
.asciz "z", ""
.string "w"
.uleb128 0, 127, 128, 624485
.sleb128 0, -1, 63, 64, -64, -65, -123456
.zero 3
.skip 2, 0xab
.space 1
.fill 2, 3, 0x01020304
.fill 2, 8, 0xffffffff
.fill 3
.byte
//// expressions
.quad 1|2+1, 6&3==2, 1==1, 2<3, 5>>1+1, -1>>1, !5, !0, 7!3, 1<>2, 5&&0, 5||0, 017, 10%4*3, 1<<2*2
.quad ~0^5, 0b101, 0xffffffffffffffff, 1 != 1, 3>=3, 2<=1, -5&0xff|1, 7%-4, -7/2, +3, - - 3, (1+2)*3, 3>2>1
.quad 1||0&&0, 2*3+4*5, 100-10-1, 1<<63, 0xFF & ~0xF | 1 << 8, -1 < 0, 0X10 + 0B11
.byte '\'', '"', ';'
.byte ';' // one; two
//// assignments
a = 5
.set b, a * 2
.equ c, b + a
.equiv d, c
.long a, b, c, d
a = a + 1
.set a, a * 10
.long a
.long later, later2 - 1
later = 7
later2 = later + 1
s_mov_b32 s0, a
s_mov_b32 s1, b
s_add_u32 s0, s1, end - start
start:
v_mov_b32 v0, a
end:
.byte end - start
s_mov_b32 s[2+1], 0
s_mov_b64 s[b:b+1], -a + 100
twice = once
once = 4
.long twice
.size start, end - start
v_add_nc_u32 v[a - 60], b, v1
//// aliases
.globl alias2
.type k,@function
k:
s_nop 0
.set alias1, k
alias2 = k + 4
s_branch alias1
.long alias2 - k
.L_unseen:
.quad .L_unseen
s_branch .L_unseen
//// numeric
1: s_nop 1
s_branch 1b
s_branch 1f
2:
s_cbranch_scc0 2b
1: s_branch 1b
1: .long 1b - 2b, 2f - 1b
s_branch 2f
10: 11: s_nop 2
s_branch 10b
s_branch 11b
2:
.macro loop n
1: s_nop \n
s_branch 1b
.endm
loop 3
loop 4
s_branch 1b
.byte 0b11, 0b0
0: s_branch 0b
//// sections
.text
s_nop 0
.data
d: .quad d, t, d + 8
.section .rodata,"a",@progbits
r: .long 1
.quad r
.pushsection .data
.byte 1
.pushsection .text,"ax",@progbits
t: s_nop 1
.popsection
.byte 2
.popsection
.long 2
.previous
.byte 3
.previous
.long 3
.bss
b: .zero 16
.zero 4
.section .mine,"aw"
.byte 1
.section .mine
.byte 2
.section ".more one","ax",@progbits
s_nop 3
.section .empty,"a",@nobits
.skip 20
.section .note.GNU-stack,"",@progbits
.section .strings,"aMS",@progbits,1
.asciz "abc"
.rodata
.byte 5
//// align
s_nop 0
.p2align 4
s_nop 1
.p2align 5, 0
s_nop 2
.balign 16
s_nop 3
.balign 16, 0x55
s_nop 3
.align 32
s_nop 4
.p2align 6,,4
s_nop 5
.p2align 3,,4
.p2align
.data
.byte 1
.p2align 2
.byte 1
.balign 8, 0xcc
.byte 1, 2
.balignw 8, 0x1234
.long 1
.balignl 16, 0x12345678
.short 1
.p2alignw 3, 0xabcd
.p2alignl 4, 0x01020304
.align 1
.balign 0
//// org
.byte 1
.org 8
.byte 2
.org 16, 0xff
here: .byte 3
.org here + 4
.byte 4
. = 32
.byte 5
. = . + 3
.byte 6
.org stop + 8
stop = 40
//// late
.skip end - begin
.byte 1
begin:
.long 1, 2, 3
end:
.fill (end - begin) / 4, 2, 7
//// symbols
.globl g, g2
.global g3
.weak w
.local l
.hidden h
.protected p
.internal i
.globl h, p, i
.type g,@function
.type g2,%object
.type g3,#function
.type w,"object"
.type h,STT_FUNC
.type l,@notype
.extern elsewhere
g: s_nop 0
.size g, .-g
g2: s_nop 0
g3: s_nop 0
w: s_nop 0
l: s_nop 0
h: s_nop 0
p: s_nop 0
i: s_nop 0
.size i, 4
"a name": s_nop 0
with$dollar.dot: s_nop 0
.file "x.s"
.ident "who"
.addrsig
.addrsig_sym g
//// common
.comm one, 12, 8
.common two, 4
.lcomm three, 12
.long 1
//// repeat
.rept 3
.byte 1
.rept 2
.byte 2
.endr
.endr
.rep 1 + 1
.byte 3
.endr
.rept 0
junk
.endr
n = 0
.rept 4
.byte n
n = n + 1
.endr
.irp r, v1, v2,v3
v_mov_b32 \r, 0
.endr
.irp x, 1 2 (3 + 4), "5"
.byte \x
.endr
.irp x,
.endr
.irpc c, 0123
.byte \c, 0x\c\()f
.endr
.irp a, 1, 2
.irp b, 3, 4
.byte \a, \b
.endr
.endr
.rept 2
.exitm
.byte 9
.endr
x: .rept 2
.byte 8
.endr
//// macros
.macro m a, b=7, rest:vararg
.byte \a, \b
.ascii "\rest"
.byte \@
.endm
m 1
m 2, 3, x, y  z
m b=4, a = 9
m (1 + 2)*3 4
m 1 + 2 5
m 1 -2
m "8"
m 3,,q
.macro q x
.macro r\x y
.byte \x, \y
.endm
.endm
q 5
r5 6
.macro none
s_nop 0
.endm
none
l: none
.macro needs a:req, b
.byte \a
.ifb \b
.byte 0
.else
.byte \b
.endif
.ifnb \b
.byte 99
.endif
.endm
needs 1
needs 1, 2
needs b=3, a=4
.macro count from, to
.byte \from
.if \to-\from
count "(\from+1)", \to
.endif
.endm
count 0, 5
.macro early x
.byte 1
.if \x
.exitm
.endif
.byte 2
.endm
early 0
early 1
.purgem early
.macro early
.byte 7
.endmacro
early
.macro regs d, s0, s1
v_add_f32 v\d, v\s0, v[\s1]
v_add_f16 v\d\().l, v\s0\().l, v\s1\().h
.endm
.if .amdgcn.gfx_generation_number == 11
.macro half d
v_add_nc_u16 v\d, v1, v2
.endm
half 3
.endif
.macro s_nop2 n
s_nop \n
s_nop \n
.endm
s_nop2 2
.macro load_dwords n, dst, base, off=0
s_load_dword\n \dst, \base, \off
.endm
load_dwords x2, s[0:1], s[4:5]
load_dwords x4, s[0:3], s[4:5], 0x10
load_dwords , s0, s[4:5], 4
.macro unique
.L\@: s_branch .L\@
.endm
unique
unique
.macro varonly args:vararg
.byte \args
.endm
varonly 1, 2, 3
varonly
.MACRO Big
.BYTE 1
.endm
Big
.macro str s
.asciz "\s"
.endm
str hello
str "a b"
.macro plus a, b
.long \a+\b
.endm
plus 1,2
plus a=1,b=2
.macro keeps a
.ascii "\a\n\t\\"
.endm
keeps 1
//// conditions
x = 1
.if x
.byte 1
.elseif 1
.byte 2
.else
.byte 3
.endif
.if x - 1
.byte 1
.elseif x == 1
.byte 2
.else
.byte 3
.endif
.ifne x
.byte 1
.endif
.ifeq x
.byte 1
.else
.byte 4
.endif
.ifge x-1
.byte 1
.endif
.ifgt x-1
.byte 2
.endif
.ifle x-1
.byte 3
.endif
.iflt x-1
.byte 4
.endif
.ifdef x
.byte 5
.endif
.ifdef y
.byte 6
.endif
.ifndef y
.byte 7
.endif
.ifnotdef y
.byte 8
.endif
.ifb
.byte 9
.endif
.ifb  a
.byte 10
.endif
.ifnb a
.byte 11
.endif
.ifc a b ,a b
.byte 12
.endif
.ifc a, b
.byte 13
.endif
.ifnc a, b
.byte 14
.endif
.ifeqs "a", "a"
.byte 15
.endif
.ifnes "a", "a"
.byte 16
.endif
.if 0
.if 1
garbage ( that is { not read
.byte 256, nothing
.else
.macro never
.endif
.elseif 0
.else
.byte 17
.endif
l:
s_nop 0
.if . - l == 4
.byte 18
.endif
.IF 1
.byte 19
.ENDIF
.if 0 ; .endif
.endif // .else
//// comments
# a line
  # another
s_nop 0 ; one
s_nop 1 // two
/* three */ s_nop 2 /* four */
s_nop 3 /* five
six */
s_nop 4
.ascii "/* ; // #" ; seven
.byte 1 /* , 2 */ , 3
//// messages
.warning "careful"
.warning
.if 0
.error "never"
.err
.endif
.byte 1
//// errors
.error "no"
!MISTAKE: 1:1 no
//// ends
.byte 1
.end
garbage
//// kernel
.globl k
.p2align 8
.type k,@function
k:
v_mov_b32 v11, s17
s_endpgm
.section .rodata,"a",@progbits
.p2align 6
.amdhsa_kernel k
.amdhsa_group_segment_fixed_size 512
.amdhsa_private_segment_fixed_size 16
.amdhsa_kernarg_size 8 * 3
.amdhsa_user_sgpr_count 14
.amdhsa_user_sgpr_dispatch_ptr 1
.amdhsa_user_sgpr_queue_ptr 1
.amdhsa_user_sgpr_kernarg_segment_ptr 1
.amdhsa_user_sgpr_dispatch_id 1
.amdhsa_user_sgpr_private_segment_size 1
.amdhsa_uses_dynamic_stack 1
.amdhsa_system_sgpr_workgroup_id_x 0
.amdhsa_system_sgpr_workgroup_id_y 1
.amdhsa_system_sgpr_workgroup_id_z 1
.amdhsa_system_sgpr_workgroup_info 1
.amdhsa_system_vgpr_workitem_id 2
.amdhsa_next_free_vgpr .amdgcn.next_free_vgpr
.amdhsa_next_free_sgpr .amdgcn.next_free_sgpr
.amdhsa_reserve_vcc 0
.amdhsa_reserve_xnack_mask 0
.amdhsa_float_round_mode_32 1
.amdhsa_float_round_mode_16_64 2
.amdhsa_float_denorm_mode_32 3
.amdhsa_float_denorm_mode_16_64 0
.amdhsa_dx10_clamp 0
.amdhsa_ieee_mode 0
.amdhsa_fp16_overflow 1
.amdhsa_workgroup_processor_mode 0
.amdhsa_memory_ordered 0
.amdhsa_forward_progress 1
.amdhsa_exception_fp_ieee_invalid_op 1
.amdhsa_exception_fp_denorm_src 1
.amdhsa_exception_fp_ieee_div_zero 1
.amdhsa_exception_fp_ieee_overflow 1
.amdhsa_exception_fp_ieee_underflow 1
.amdhsa_exception_fp_ieee_inexact 1
.amdhsa_exception_int_div_zero 1
.end_amdhsa_kernel
//// kernel10 gfx1030
k: s_endpgm
.rodata
.p2align 6
.amdhsa_kernel k
.amdhsa_user_sgpr_private_segment_buffer 1
.amdhsa_user_sgpr_flat_scratch_init 1
.amdhsa_system_sgpr_private_segment_wavefront_offset 1
.amdhsa_reserve_flat_scratch 0
.amdhsa_next_free_vgpr 9
.amdhsa_next_free_sgpr 9
.amdhsa_wavefront_size32 1
.end_amdhsa_kernel
//// kernel11 gfx1100 gfx1151
k: s_endpgm
.rodata
.p2align 6
.amdhsa_kernel k
.amdhsa_enable_private_segment 1
.amdhsa_next_free_vgpr 9
.amdhsa_next_free_sgpr 9
.end_amdhsa_kernel
//// functions
.set a, 5
.set b, max(a, 7, -9)
.set c, or(a, 8)
.set d, alignto(b + 2, 8)
.long b, c, d
s_mov_b32 s0, max(1, 2) + 3
//// descriptors of later numbers gfx1100
k: s_endpgm
.rodata
.p2align 6
.amdhsa_kernel k
.amdhsa_group_segment_fixed_size number + 2
.amdhsa_private_segment_fixed_size number + 3
.amdhsa_system_vgpr_workitem_id two_bits
.amdhsa_float_round_mode_32 two_bits
.amdhsa_float_denorm_mode_32 two_bits
.amdhsa_system_sgpr_workgroup_id_y bit
.amdhsa_exception_fp_ieee_inexact bit
.amdhsa_enable_private_segment bit
.amdhsa_next_free_vgpr number + 4
.amdhsa_next_free_sgpr number + 5
.amdhsa_reserve_vcc bit
.end_amdhsa_kernel
.set number, 41
.set two_bits, 3
.set bit, 1
.no_dead_strip number
//// kernels
.amdhsa_code_object_version 5
.macro kernel name, vgprs
.text
.globl \name
.p2align 8
.type \name,@function
\name:
.set .amdgcn.next_free_vgpr, 0
v_mov_b32 v\vgprs, 0
s_mov_b32 s\vgprs, 0
s_endpgm
.L\name\()_end:
.size \name, .L\name\()_end - \name
.rodata
.p2align 6
.amdhsa_kernel \name
.amdhsa_next_free_vgpr .amdgcn.next_free_vgpr
.amdhsa_next_free_sgpr late
.amdhsa_user_sgpr_kernarg_segment_ptr 1
.end_amdhsa_kernel
.endm
kernel one, 3
kernel two, 40
.long .amdgcn.next_free_vgpr, .amdgcn.next_free_sgpr
.long .amdgcn.gfx_generation_number, .amdgcn.gfx_generation_minor, .amdgcn.gfx_generation_stepping
late = 20
.amdgpu_metadata
---
amdhsa.version: [1, 2]
amdhsa.kernels: []
...
.end_amdgpu_metadata
//// wave64 wave64
.globl k
k:
v_cmp_eq_u32 s[0:1], v0, v1
v_cndmask_b32 v0, v1, v2, s[0:1]
s_and_saveexec_b64 s[2:3], vcc
s_endpgm
.rodata
.p2align 6
.macro descriptor name, lanes32
.amdhsa_kernel \name
.amdhsa_next_free_vgpr 40
.amdhsa_next_free_sgpr 9
.amdhsa_wavefront_size32 \lanes32
.amdhsa_shared_vgpr_count 2
.end_amdhsa_kernel
.endm
descriptor k, 0
//// relocations
s_getpc_b64 s[0:1]
s_add_u32 s0, s0, data@rel32@lo+4
s_addc_u32 s1, s1, data@rel32@hi+12
s_mov_b32 s2, data@abs32@lo
s_mov_b32 s3, data@abs32@hi
.section .rodata,"a"
.byte 1
data: .long 5
.quad data + 1, data - 1
.long data - .
//// target gfx1100
.amdgcn_target "amdgcn-amd-amdhsa--gfx1100"
.long .amdgcn.gfx_generation_number
s_endpgm
//// debug
.file 1 "x.c"
.loc 1 1
.cfi_sections .debug_frame
f:
.cfi_startproc
s_endpgm
.cfi_endproc
//// sgemm
// A kernel as people write them: names for registers, an unrolled loop.
.set M, 4
.set vA, 8
.set vC, 32
.macro V_FMAC c, a, b
v_fmac_f32 v[\c], v[\a], v[\b]
.endm
.macro TILE
.set i, 0
.rept M
.set j, 0
.rept M
V_FMAC vC + i * M + j, vA + i, vA + M + j
.set j, j + 1
.endr
.set i, i + 1
.endr
.endm
.irp off, 0, 64, 128
ds_read_b128 v[vA:vA+3], v0 offset:\off
ds_read_b128 v[vA+M:vA+M+3], v1 offset:\off+M*4
s_waitcnt lgkmcnt(0)
TILE
.endr
s_endpgm
//// byte-range
.byte 1, 256
!MISTAKE: 1:10 expected a number of 8 bits
//// unknown-directive
.bite 1
!MISTAKE: 1:1 found `.bite`
//// no-comma
.byte 1 2
!MISTAKE: 1:9 expected the end of the line
//// bad-operator
.long 1 +* 2
!MISTAKE: 1:10 expected a number
//// open-paren
.long (1 + 2
!MISTAKE: 1:13 expected `)`
//// divides
.long 1 / 0
!MISTAKE: 1:11 a divisor that divides
//// octal
.long 089
!MISTAKE: 1:7 expected a number
//// wide
.quad 0x10000000000000000
!MISTAKE: 1:7 a number of 64 bits
//// octa-wide
.octa 0x100000000000000000000000000000000
!MISTAKE: 1:7 a number of 128 bits
//// float
.float 1.5x
!MISTAKE: 1:11 expected the end
//// float-word
.float hello
!MISTAKE: 1:8 expected a floating-point number
//// escape
.ascii "\z"
!MISTAKE: 1:10 expected b, t, n
//// octal-escape
.ascii "\777"
!MISTAKE: 1:10 an octal number of 8 bits
//// open-string
.ascii "abc
!MISTAKE: 1:12 expected `"`
//// no-string
.ascii abc
!MISTAKE: 1:8 expected a string
//// zero-address
l:
.zero l
!MISTAKE: 2:7 expected a number
//// org-back
.zero 8
.org 4
!MISTAKE: 2:6 expected an offset of 8 or more
//// balign-3
.balign 3
!MISTAKE: 1:9 expected a power of two
//// p2align-40
.p2align 40
!MISTAKE: 1:10 expected a power of 0 to 31
//// align-most
.p2align 4,,0
!MISTAKE: 1:13 expected a number of bytes
//// twice
a:
a:
!MISTAKE: 2:1 `a` is defined twice
//// equiv-twice
a = 1
.equiv a, 2
!MISTAKE: 2:8 `a` is defined twice
//// label-then-set
a:
.set a, 1
!MISTAKE: 2:6 `a` is defined twice
//// set-alone
.set a
!MISTAKE: 1:7 expected `,`
//// set-value
.set a,
!MISTAKE: 1:8 expected a number
//// no-name
.globl 1 + 1
!MISTAKE: 1:10 expected the end
//// type
.type a,@thing
!MISTAKE: 1:9 expected @function
//// size
.size a
!MISTAKE: 1:8 expected `,`
//// numeric-back
s_branch 1b
1:
!MISTAKE: 1:10 found `1b`
//// numeric-forward
1:
s_branch 1f
!MISTAKE: 2:10 found `1f`
//// section-flags
.section .a,"q"
!MISTAKE: 1:13 expected flags
//// section-type
.section .a,"a",@thing
!MISTAKE: 1:18 expected progbits
//// section-change
.section .a,"a"
.section .a,"aw"
!MISTAKE: 2:10 had other flags
//// pop
.popsection
!MISTAKE: 1:1 .pushsection before
//// previous
.previous
!MISTAKE: 1:1 another section before
//// bss
.bss
.byte 1
!MISTAKE: 2:7 has no bytes
//// rept-late
.rept n
.endr
n = 1
!MISTAKE: 1:7 known here
//// rept-negative
.rept -1
.endr
!MISTAKE: 1:7 expected a count
//// rept-open
.rept 2
.byte 1
!MISTAKE: 1:1 expected .endr
//// endr
.endr
!MISTAKE: 1:1 .endr ends nothing
//// endm
.endm
!MISTAKE: 1:1 .endm ends nothing
//// macro-open
.macro m
.byte 1
!MISTAKE: 1:1 expected .endm
//// macro-name
.macro
.endm
!MISTAKE: 1:7 expected a name
//// macro-twice
.macro m
.endm
.macro m
.endm
!MISTAKE: 3:1 is defined twice
//// macro-parameters
.macro m a, a
.endm
!MISTAKE: 1:13 two parameters
//// macro-qualifier
.macro m a:most
.endm
!MISTAKE: 1:12 req or vararg
//// macro-vararg
.macro m a:vararg, b
.endm
!MISTAKE: 1:20 the end of the line behind a vararg
//// macro-required
.macro m a:req
.endm
m
!MISTAKE: 3:2 an argument for `a`
//// macro-many
.macro m a
.endm
m 1, 2
!MISTAKE: 3:6 no more than 1 arguments
//// macro-mixed
.macro m a, b
.endm
m a=1, 2
!MISTAKE: 3:8 a parameter's name
//// macro-unknown
.macro m a
.endm
m c=1
!MISTAKE: 3:3 a parameter's name
//// macro-paren
.macro m a
.endm
m (1
!MISTAKE: 3:5 expected `)`
//// purge
.purgem m
!MISTAKE: 1:1 expected a macro
//// exitm
.exitm
!MISTAKE: 1:1 within a macro
//// irp
.irp 1 + 1
.endr
!MISTAKE: 1:8 expected `,`
//// if-late
.if a
.endif
a = 1
!MISTAKE: 1:5 known here
//// if-open
.if 1
.byte 1
!MISTAKE: 1:1 expected .endif
//// endif
.endif
!MISTAKE: 1:1 expected .if before
//// else
.else
!MISTAKE: 1:1 expected .if before
//// elses
.if 1
.else
.else
.endif
!MISTAKE: 3:1 second .else
//// elseif
.if 1
.else
.elseif 1
.endif
!MISTAKE: 3:1 behind .else
//// if-junk
.if 1 2
.endif
!MISTAKE: 1:7 the end of the line
//// ifdef
.ifdef
.endif
!MISTAKE: 1:7 expected a name
//// ifc
.ifc a
.endif
!MISTAKE: 1:7 `,` and another
//// ifeqs
.ifeqs "a" "b"
.endif
!MISTAKE: 1:12 expected `,`
//// err
.err
!MISTAKE: 1:1 an error
//// in-macro
.macro m a
s_nop 0
  s_mov_b32 \a, \a, 3
.endm
.rept 2

 m s0
.endr
!MISTAKE: 3:21 expected a modifier, or the end of the line, found `3`, in macro `m` at 7:2, in .rept at 5:1
//// in-argument
.macro m a
  .byte 0, \a
.endm
m 1000
!MISTAKE: 2:12 expected a number of 8 bits, found 1000, in macro `m` at 4:1
//// nested-name
.macro o
.macro i
.byte 300
.endm
 i
.endm
o
!MISTAKE: 3:7 in macro `i` at 5:2, in macro `o` at 7:1
//// kernel-open
.amdhsa_kernel k
!MISTAKE: 1:1 expected .end_amdhsa_kernel
//// kernel-vgprs
.amdhsa_kernel k
.amdhsa_next_free_sgpr 1
.end_amdhsa_kernel
!MISTAKE: 3:1 .amdhsa_next_free_vgpr
//// kernel-sgprs
.amdhsa_kernel k
.amdhsa_next_free_vgpr 1
.end_amdhsa_kernel
!MISTAKE: 3:1 .amdhsa_next_free_sgpr
//// kernel-twice
.amdhsa_kernel k
.amdhsa_ieee_mode 1
.amdhsa_ieee_mode 1
!MISTAKE: 3:1 stands twice
//// kernel-range
.amdhsa_kernel k
.amdhsa_ieee_mode 2
!MISTAKE: 2:19 a number of 0 to 1
//// kernel-unknown
.amdhsa_kernel k
.amdhsa_speed 2
!MISTAKE: 2:1 found `.amdhsa_speed`
//// kernel-user
.amdhsa_kernel k
.amdhsa_user_sgpr_dispatch_ptr 1
.amdhsa_user_sgpr_count 1
.amdhsa_next_free_vgpr 1
.amdhsa_next_free_sgpr 1
.end_amdhsa_kernel
!MISTAKE: 6:1 .amdhsa_user_sgpr_count of 2
//// kernel-shared
.amdhsa_kernel k
.amdhsa_wavefront_size32 1
.amdhsa_shared_vgpr_count 1
.amdhsa_next_free_vgpr 1
.amdhsa_next_free_sgpr 1
.end_amdhsa_kernel
!MISTAKE: 6:1 waves of 32 lanes
//// kernel-xnack
.amdhsa_kernel k
.amdhsa_reserve_xnack_mask 1
!MISTAKE: 2:28 a number of 0 to 0
//// target
.amdgcn_target "amdgcn-amd-amdhsa--gfx906"
!MISTAKE: 1:16 expected a target
//// target-other gfx1030
.amdgcn_target "amdgcn-amd-amdhsa--gfx1100"
!MISTAKE: 1:16 the target is gfx1100
//// metadata
.amdgpu_metadata
a: [1
.end_amdgpu_metadata
!MISTAKE: 2:4 expected a string
//// metadata-open
.amdgpu_metadata
a: 1
!MISTAKE: 2:1 .end_amdgpu_metadata
//// two-addresses
a:
.data
b:
.quad a + b
!MISTAKE: 4:7 a number or an address
//// label-number
12ab: s_nop 0
!MISTAKE: 1:1 expected a label
//// stray
%
!MISTAKE: 1:1 an instruction, a directive or a label
