#include "symbols/demangle.h"
#include "tests/test.h"

static const char *demangled(const char *name)
{
	static struct strbuf sb;

	strbuf_clear(&sb);
	demangle_add(&sb, name);
	return strbuf_str(&sb);
}

TEST(cplusplus)
{
	CHECK_STR(demangled("_ZN3foo3barEiPKc"), "foo::bar(int, char const*)");
	CHECK_STR(demangled("_ZNSt6vectorIiSaIiEE9push_backERKi"),
		  "std::vector<int, std::allocator<int> >::push_back(int const&)");
	CHECK_STR(demangled("_ZN4llvm9StringMapINS_4TypeEEC2Ev.cold"),
		  "llvm::StringMap<llvm::Type>::StringMap() [clone .cold]");
}

TEST(rust)
{
	CHECK_STR(demangled("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"),
		  "core::fmt::Write::write_fmt");
	CHECK_STR(demangled("_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Write$GT$9write_"
			    "str17h5b0c2b3f4a1d2e3fE"),
		  "<alloc::string::String as core::fmt::Write>::write_str");
	CHECK_STR(demangled("_RNvCs1234_7mycrate4main"), "mycrate::main");
	CHECK_STR(demangled("_RNvNtC3std3mem8align_of"), "std::mem::align_of");
	CHECK_STR(demangled("_RNvMs_C7mycrateNtB4_3Foo3bar"), "<mycrate::Foo>::bar");
	CHECK_STR(demangled("_RNvCs1234_7mycrate4main.llvm.99"), "mycrate::main");
	CHECK_STR(demangled("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE.llvm.1234"),
		  "core::fmt::Write::write_fmt");
}

/* As rustc 1.95 writes them with -C symbol-mangling-version=v0. */
TEST(rust_v0)
{
	CHECK_STR(demangled("_RNvXCsayYDP3hoOQQ_1uNtB2_1PNtB2_2Tr1f"), "<u::P as u::Tr>::f");
	CHECK_STR(demangled("_RNCNvCsayYDP3hoOQQ_1u4mains_0B3_"), "u::main::{closure#1}");
	CHECK_STR(demangled("_RINvCsayYDP3hoOQQ_1u1tFKClEzEB2_"),
		  "u::t::<extern \"C\" fn(i32) -> !>");
	CHECK_STR(demangled("_RINvCsayYDP3hoOQQ_1u1tPAThcEj3_EB2_"),
		  "u::t::<*const [(u8, char); 3]>");
	CHECK_STR(demangled(
		      "_RINvCsayYDP3hoOQQ_1u1tRDG_INtNtNtCsgEmfK2I1SDS_4core3ops8function2FnTR"
		      "L0_hEEp6OutputRL0_hEL_EB2_"),
		  "u::t::<&dyn for<'a> core::ops::function::Fn<(&'a u8,), Output = &'a u8>>");
	CHECK_STR(demangled("_RINvNtCsayYDP3hoOQQ_1uu11ncode_cta3gu9gre_6ka8ihEB4_"),
		  "u::ünïcode::größe::<u8>");
	CHECK_STR(demangled(
		      "_RNSNvYNCNvCsayYDP3hoOQQ_1u4mains_0INtNtNtCsgEmfK2I1SDS_4core3ops8functi"
		      "on6FnOnceTRhEE9call_once6vtableB8_"),
		  "<u::main::{closure#1} as core::ops::function::FnOnce<(&u8,)>>::call_once::"
		  "{shim:vtable#0}");
	CHECK_STR(demangled(
		      "_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeINtNtB4_6result6ResultuNtNt"
		      "NtCsjrHSEGnQ3l9_3std2io5error5ErrorEECskK7mfDs1mzF_1m.llvm."
		      "6075797971231729770"),
		  "core::ptr::drop_in_place::<core::result::Result<(), std::io::error::Error>>");
}

/* The type before, a tuple of two of it, and so on: each level doubles the text. */
TEST(a_name_of_rust_v0_that_explodes_is_cut)
{
	static const char digits[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct strbuf name = {0};
	size_t at = 0, last;
	const char *text;

	strbuf_adds(&name, "_RINvC1m1f");
	for (int i = 0; i < 40; i++) {
		last = at;
		at = name.len - 2;
		if (!i) {
			strbuf_adds(&name, "TReReE");
			continue;
		}
		strbuf_adds(&name, "T");
		for (int k = 0; k < 2; k++) {
			if (last > 62)
				strbuf_addf(&name, "B%c%c_", digits[(last - 1) / 62],
					    digits[(last - 1) % 62]);
			else
				strbuf_addf(&name, "B%c_", digits[last - 1]);
		}
		strbuf_adds(&name, "E");
	}
	strbuf_adds(&name, "E");
	text = demangled(name.data);
	CHECK(!strncmp(text, "m::f::<(&&str", 8));
	CHECK(strlen(text) > DEMANGLE_MAX_BYTES - 3 && strlen(text) <= DEMANGLE_MAX_BYTES + 3);
	CHECK_STR(text + strlen(text) - 3, "…");
	strbuf_deinit(&name);
}

TEST(d)
{
	CHECK_STR(demangled("_Dmain"), "D main");
	CHECK_STR(demangled("_D3std5stdio4File5closeMFNfZv"), "std.stdio.File.close()");
	CHECK_STR(demangled("_D3foo3barFAyaiZv"), "foo.bar(immutable(char)[], int)");
	CHECK_STR(demangled("_D2rt6dmain211_d_run_mainUiPPaPUAAaZiZ6runAllMFZv"),
		  "rt.dmain2._d_run_main(int, char**, extern(C) int(char[][]) "
		  "function).runAll()");
	CHECK_STR(demangled("_D3std9algorithm8mutation__T4moveTAiZQjFNaNbNiNfNkMKQsZQv"),
		  "std.algorithm.mutation.move!(int[]).move(scope return ref int[])");
	CHECK_STR(demangled("_D3foo3barFNkMNgiZv"), "foo.bar(scope return inout(int))");
	CHECK_STR(demangled("_D3foo6barNkMFNkMNgiZv"), "_D3foo6barNkMFNkMNgiZv");
	CHECK_STR(demangled("_D3foo6barNkMFNgiZv"), "foo.barNkM(inout(int))");
	CHECK_STR(demangled("_D3foo3barFAyaiZv.part.0"),
		  "foo.bar(immutable(char)[], int) [clone .part.0]");
	CHECK_STR(demangled("_D.x"), "_D.x");
	CHECK_STR(demangled("_D"), "_D");
	CHECK_STR(demangled("_D3"), "_D3");
	CHECK_STR(demangled("_Data_start"), "_Data_start");
	CHECK_STR(demangled("_DYNAMIC"), "_DYNAMIC");
}

/* f(H[A][B]) with A and B the type before: each level doubles the text. */
TEST(a_name_of_d_that_explodes)
{
	struct strbuf name = {0};
	size_t at, last;

	strbuf_adds(&name, "_D1fF");
	at = name.len;
	strbuf_adds(&name, "Hii");
	for (int i = 0; i < 40; i++) {
		last = at;
		at = name.len;
		/* An associative array of two of the last one; back by a number to the base 26. */
		strbuf_adds(&name, "H");
		for (int k = 0; k < 2; k++) {
			size_t back = name.len - last;

			strbuf_adds(&name, "Q");
			if (back >= 26)
				strbuf_addc(&name, (char)('A' + back / 26));
			strbuf_addc(&name, (char)('a' + back % 26));
		}
		if (i == 2) {
			strbuf_adds(&name, "Zv");
			CHECK(strlen(demangled(name.data)) > 60);
			name.len -= 2;
		}
	}
	strbuf_adds(&name, "Zv");
	CHECK_STR(demangled(name.data), name.data);
	strbuf_deinit(&name);
}

TEST(names_of_go_are_plain)
{
	CHECK_STR(demangled("main.(*server).handle.func1"), "main.(*server).handle.func1");
	CHECK_STR(demangled("runtime.mallocgc"), "runtime.mallocgc");
	CHECK_STR(demangled("slices.Sort[go.shape.int]"), "slices.Sort[go.shape.int]");
	CHECK_STR(demangled("vendor/golang.org/x/net/http2/hpack.(*Decoder).Write"),
		  "vendor/golang.org/x/net/http2/hpack.(*Decoder).Write");
}

TEST(what_is_not_mangled_stays)
{
	CHECK_STR(demangled("main"), "main");
	CHECK_STR(demangled(""), "");
	CHECK_STR(demangled("_"), "_");
	CHECK_STR(demangled("_Z"), "_Z");
	CHECK_STR(demangled("_ZN3foo"), "_ZN3foo");
	CHECK_STR(demangled("_R"), "_R");
	CHECK_STR(demangled("_RNvC"), "_RNvC");
	CHECK_STR(demangled("_Zzzz"), "_Zzzz");
	CHECK_STR(demangled("camlStdlib__List__map_123"), "camlStdlib__List__map_123");
}

/* pair<pair<pair<…>, …>, …>: each level doubles the text. */
TEST(a_name_that_explodes_is_cut)
{
	struct strbuf name = {0};
	const char *text;

	strbuf_adds(&name, "_Z1f1AI1BS0_E");
	for (int i = 0; i < 60; i++)
		strbuf_addf(&name, "S_IS%c_S%c_E",
			    i < 34 ? "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i] : 'Z',
			    i < 34 ? "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i] : 'Z');
	text = demangled(name.data);
	CHECK(!strncmp(text, "f(A<B, B>, A<A<B, B>, A<B, B> >", 30));
	CHECK(strlen(text) <= DEMANGLE_MAX_BYTES + 3);
	CHECK_STR(text + strlen(text) - 3, "…");
	strbuf_deinit(&name);
}

TEST(long_names_are_cut_between_characters)
{
	size_t size = 2 * DEMANGLE_MAX_BYTES;
	char *s = malloc(size + 1);
	const char *text;

	for (int shift = 0; shift < 3; shift++) {
		memset(s, 'x', size);
		s[size] = '\0';
		for (size_t i = shift; i + 3 <= size; i += 3)
			memcpy(s + i, "…", 3);
		text = demangled(s);
		CHECK(strlen(text) <= DEMANGLE_MAX_BYTES + 3);
		CHECK_EQ((strlen(text) - shift) % 3, 0);
	}
	memcpy(s, "_ZN", 3);
	memset(s + 3, '9', size - 3);
	CHECK(strlen(demangled(s)) <= DEMANGLE_MAX_BYTES + 3);
	free(s);
}

TEST_MAIN()
