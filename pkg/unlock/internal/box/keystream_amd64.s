#include "textflag.h"

// Salsa20 on six blocks at once. Two blocks share each register, one in each
// half; three groups (Y0-Y3, Y4-Y7, Y8-Y11) hold the diagonals of the state, so
// that a round is four steps of
//
//	to ^= (a + b) <<< n
//
// on whole registers, and shuffles turn columns into rows and back.
// D. J. Bernstein, "The Salsa20 family of stream ciphers", 2007.

#define STEP(a, b, to, left, right, t, u) \
	VPADDD a, b, t;       \
	VPSLLD $left, t, u;   \
	VPSRLD $right, t, t;  \
	VPXOR  u, to, to;     \
	VPXOR  t, to, to

#define STEPS(a0, b0, to0, a1, b1, to1, a2, b2, to2, left, right) \
	STEP(a0, b0, to0, left, right, Y12, Y13); \
	STEP(a1, b1, to1, left, right, Y14, Y15); \
	STEP(a2, b2, to2, left, right, Y12, Y13)

// Moves the second, third and fourth diagonal by one, two and three lanes.
#define TURN(one, two, three) \
	VPSHUFD $0x93, one, one; \
	VPSHUFD $0x4E, two, two; \
	VPSHUFD $0x39, three, three

// Adds the first state, puts the words of each row together and stores both
// blocks. The diagonals have each word in the lane of its column already.
#define STORE(a, b, c, d, count, at) \
	VPADDD     Y12, a, a;              \
	VBROADCASTI128 16(SI), Y13;        \
	VPADDD     Y13, b, b;              \
	VBROADCASTI128 32(SI), Y13;        \
	VPADDD     count, Y13, Y13;        \
	VPADDD     Y13, c, c;              \
	VBROADCASTI128 48(SI), Y13;        \
	VPADDD     Y13, d, d;              \
	VPBLENDD   $0xAA, d, a, Y13;       \ // a d a d
	VPBLENDD   $0xAA, b, c, Y14;       \ // c b c b
	VPBLENDD   $0xCC, Y14, Y13, Y15;   \ // a d c b
	VPBLENDD   $0xCC, Y13, Y14, Y13;   \ // c b a d
	VMOVDQU    X15, (at)(DI);          \
	VEXTRACTI128 $1, Y15, (at+64)(DI); \
	VMOVDQU    X13, (at+32)(DI);       \
	VEXTRACTI128 $1, Y13, (at+96)(DI); \
	VPBLENDD   $0xAA, a, b, Y13;       \ // b a b a
	VPBLENDD   $0xAA, c, d, Y14;       \ // d c d c
	VPBLENDD   $0xCC, Y14, Y13, Y15;   \ // b a d c
	VPBLENDD   $0xCC, Y13, Y14, Y13;   \ // d c b a
	VMOVDQU    X15, (at+16)(DI);       \
	VEXTRACTI128 $1, Y15, (at+80)(DI); \
	VMOVDQU    X13, (at+48)(DI);       \
	VEXTRACTI128 $1, Y13, (at+112)(DI)

// What the block counter of each half is ahead, in the first lane.
DATA ahead<>+0(SB)/8, $0
DATA ahead<>+8(SB)/8, $0
DATA ahead<>+16(SB)/8, $1
DATA ahead<>+24(SB)/8, $0
DATA ahead<>+32(SB)/8, $2
DATA ahead<>+40(SB)/8, $0
DATA ahead<>+48(SB)/8, $3
DATA ahead<>+56(SB)/8, $0
DATA ahead<>+64(SB)/8, $4
DATA ahead<>+72(SB)/8, $0
DATA ahead<>+80(SB)/8, $5
DATA ahead<>+88(SB)/8, $0
GLOBL ahead<>(SB), RODATA|NOPTR, $96

// func keystream(dst *[384]byte, s *stream)
TEXT ·keystream(SB), NOSPLIT, $0-16
	MOVQ dst+0(FP), DI
	MOVQ s+8(FP), SI

	VBROADCASTI128 (SI), Y0
	VBROADCASTI128 16(SI), Y1
	VBROADCASTI128 32(SI), Y10
	VBROADCASTI128 48(SI), Y3
	VMOVDQA Y0, Y4
	VMOVDQA Y1, Y5
	VMOVDQA Y3, Y7
	VMOVDQA Y0, Y8
	VMOVDQA Y1, Y9
	VMOVDQA Y3, Y11
	VPADDD  ahead<>+0(SB), Y10, Y2
	VPADDD  ahead<>+32(SB), Y10, Y6
	VPADDD  ahead<>+64(SB), Y10, Y10

	MOVQ $10, CX

doubleround:
	STEPS(Y0, Y3, Y1, Y4, Y7, Y5, Y8, Y11, Y9, 7, 25)
	STEPS(Y1, Y0, Y2, Y5, Y4, Y6, Y9, Y8, Y10, 9, 23)
	STEPS(Y2, Y1, Y3, Y6, Y5, Y7, Y10, Y9, Y11, 13, 19)
	STEPS(Y3, Y2, Y0, Y7, Y6, Y4, Y11, Y10, Y8, 18, 14)
	TURN(Y1, Y2, Y3)
	TURN(Y5, Y6, Y7)
	TURN(Y9, Y10, Y11)
	STEPS(Y0, Y1, Y3, Y4, Y5, Y7, Y8, Y9, Y11, 7, 25)
	STEPS(Y3, Y0, Y2, Y7, Y4, Y6, Y11, Y8, Y10, 9, 23)
	STEPS(Y2, Y3, Y1, Y6, Y7, Y5, Y10, Y11, Y9, 13, 19)
	STEPS(Y1, Y2, Y0, Y5, Y6, Y4, Y9, Y10, Y8, 18, 14)
	TURN(Y3, Y2, Y1)
	TURN(Y7, Y6, Y5)
	TURN(Y11, Y10, Y9)
	DECQ CX
	JNZ  doubleround

	VBROADCASTI128 (SI), Y12
	STORE(Y0, Y1, Y2, Y3, ahead<>+0(SB), 0)
	STORE(Y4, Y5, Y6, Y7, ahead<>+32(SB), 128)
	STORE(Y8, Y9, Y10, Y11, ahead<>+64(SB), 256)
	VZEROUPPER
	RET
