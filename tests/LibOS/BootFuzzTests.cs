using System;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Tests;

/// <summary>Whatever stands in a loader's tables, the parsers end and read nothing but the tables.</summary>
[TestFixture]
public sealed unsafe class BootFuzzTests
{
    private const ulong Start = 0x1_0000;
    private const int Around = 0x8000;

    private BootMemory _memory = null!;

    [SetUp]
    public void SetUp() => _memory = new BootMemory();

    [TearDown]
    public void TearDown() => _memory.Dispose();

    [Test]
    public void Multiboot2_tables_decide_alone_what_is_read_from_them()
    {
        byte[] golden = BootMultiboot2Tests.Golden().ToArray();
        Check(golden, mutated =>
        {
            uint length = Math.Min(BitConverter.ToUInt32(mutated), (uint)mutated.Length);
            BitConverter.TryWriteBytes(mutated, length);
            return SameWhateverSurrounds(mutated, () => Multiboot2.Parse(Start + Around, _memory.Information));
        });
    }

    [Test]
    public void Multiboot2_lengths_may_lie()
    {
        byte[] golden = BootMultiboot2Tests.Golden().ToArray();
        Check(golden, mutated => EndsInOrder(mutated, () => Multiboot2.Parse(Start + Around, _memory.Information)));
    }

    [Test]
    public void Pvh_pointers_may_lie()
    {
        _memory.Write(BootPvhTests.MapAt, BootPvhTests.GoldenMap().ToArray());
        byte[] golden = BootPvhTests.Golden().ToArray();
        Check(golden, mutated => EndsInOrder(mutated, () => PvhStartInfo.Parse(Start + Around, _memory.Information)));
    }

    [Test]
    public void Linux_parameters_may_lie()
    {
        byte[] golden = BootLinuxTests.Golden().ToArray();
        Check(golden, mutated =>
            EndsInOrder(mutated, () => LinuxBootParameters.Parse(Start + Around, _memory.Information)));
    }

    private static void Check(byte[] golden, Func<byte[], bool> property)
    {
        // Small numbers and the ends of the ranges are what breaks parsers.
        Gen<(int Offset, byte Value)> mutation =
            from offset in Gen.Choose(0, golden.Length - 1)
            from value in Gen.OneOf(Gen.Elements(0, 1, 7, 8, 0x7F, 0x80, 0xFF), Gen.Choose(0, 255))
            select (offset, (byte)value);
        Prop.ForAll(mutation.ArrayOf().ToArbitrary(), changes =>
        {
            var mutated = (byte[])golden.Clone();
            foreach ((int offset, byte value) in changes)
            {
                mutated[offset] = value;
            }

            return property(mutated);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    private bool EndsInOrder(byte[] table, Func<BootStatus> parse)
    {
        _memory.Write(Start + Around, table);
        BootStatus status = parse();
        return IsInOrder() && (status != BootStatus.Ok || _memory.Information->Memory.RamBytes != 0);
    }

    private bool SameWhateverSurrounds(byte[] table, Func<BootStatus> parse)
    {
        var information = new ReadOnlySpan<byte>(_memory.Information, sizeof(BootInformation));
        _memory.Fill(Start, 2 * Around + table.Length, 0x00);
        _memory.Write(Start + Around, table);
        BootStatus first = parse();
        byte[] found = information.ToArray();
        _memory.Fill(Start, 2 * Around + table.Length, 0xFF);
        _memory.Write(Start + Around, table);
        BootStatus second = parse();
        return first == second && information.SequenceEqual(found) && IsInOrder();
    }

    private bool IsInOrder()
    {
        BootInformation* information = _memory.Information;
        ulong end = 0;
        Abi.MemoryRange range;
        for (uint index = 0; information->Memory.TryGet(index, &range); index++)
        {
            if (range.Length == 0 || range.Start < end)
            {
                return false;
            }

            end = range.Start + range.Length;
        }

        return information->CommandLineLength >= 0 &&
            information->CommandLineLength <= BootInformation.CommandLineCapacity &&
            information->RootPointerCopyLength is 0 or 20 or 36;
    }
}
