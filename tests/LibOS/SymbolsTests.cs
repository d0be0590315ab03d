using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
internal sealed unsafe class SymbolsTests
{
    [TestCase(0x0FFFu, null, 0ul)]
    [TestCase(0x1000u, "first", 0ul)]
    [TestCase(0x1FFFu, "first", 0xFFFul)]
    [TestCase(0x2010u, "second", 0x10ul)]
    [TestCase(0x3000u, null, 0ul)]
    [TestCase(0x9999u, null, 0ul)]
    public void Find_gives_the_function_that_starts_at_or_before_an_address(uint address, string? name, ulong offset)
    {
        // The end of the code is an entry without a name.
        byte[] table = Table((0x1000, "first"), (0x2000, "second"), (0x3000, null));
        fixed (byte* start = table)
        {
            byte* found = new Symbols(start).Find(address, out ulong place);

            Assert.That(found == null ? null : Marshal.PtrToStringAnsi((nint)found), Is.EqualTo(name));
            if (name is not null)
            {
                Assert.That(place, Is.EqualTo(offset));
            }
        }
    }

    [Test]
    public void Find_in_an_empty_table_finds_nothing()
    {
        fixed (byte* start = new byte[4])
        {
            Assert.That(new Symbols(start).Find(0x1000, out _) == null, Is.True);
        }
    }

    private static byte[] Table(params (uint Start, string? Name)[] functions)
    {
        var names = new List<byte>();
        var places = new List<uint>();
        foreach ((_, string? name) in functions)
        {
            places.Add(name is null ? 0 : (uint)(4 + (8 * functions.Length) + names.Count));
            names.AddRange(Encoding.ASCII.GetBytes((name ?? string.Empty) + "\0"));
        }

        uint[] numbers = [(uint)functions.Length, .. functions.Select(function => function.Start), .. places];
        return [.. numbers.SelectMany(BitConverter.GetBytes), .. names];
    }
}
