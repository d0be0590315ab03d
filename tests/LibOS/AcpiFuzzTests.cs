using System;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Tests;

/// <summary>Whatever stands in ACPI tables with right checksums, reading them ends and stays within them.</summary>
[TestFixture]
public sealed unsafe class AcpiFuzzTests
{
    private const int Around = 0x4000;

    [Test]
    public void Interrupt_tables_decide_alone_what_is_read_from_them() =>
        Check(AcpiMachine.Madt().ToArray(), window =>
        {
            var found = default(InterruptDescription);
            found.Read(window);
            var last = default(IoApicDescription);
            bool isWithin = found.IoApics <= InterruptDescription.IoApicCapacity &&
                found.Overrides <= InterruptDescription.OverrideCapacity;
            found.TryGetIoApic(found.IoApics - 1, &last);
            uint to = found.GlobalInterruptOf(0, out ushort flags);
            return (isWithin, found.Processors, found.IoApics, found.Overrides, found.LocalApicAddress, found.IsCut,
                last.Address, to, flags);
        });

    [Test]
    public void Fixed_tables_decide_alone_what_is_read_from_them() =>
        Check(AcpiMachine.Q35Fadt().ToArray(), window =>
        {
            var found = default(FixedDescription);
            found.Read(window);
            return found;
        });

    [Test]
    public void Definition_blocks_decide_alone_what_is_read_from_them() =>
        Check(AcpiMachine.Bytes(AcpiMachine.QemuSoftOff + AcpiMachine.QemuSoftOff), window =>
            (SoftOff.TryFind(window, out SoftOff found), found));

    [Test]
    public void Whole_machines_with_changed_tables_are_read_to_the_end()
    {
        using var machine = new AcpiMachine();
        var places = new (ulong At, int Length)[]
        {
            (AcpiMachine.PointerAt, 36), (AcpiMachine.RootAt, 44), (AcpiMachine.FadtAt, 244),
            (AcpiMachine.MadtAt, 90), (AcpiMachine.DsdtAt, 72),
        };
        Gen<(int Place, int Offset, int Value)> change =
            from place in Gen.Choose(0, places.Length - 1)
            from offset in Gen.Choose(0, places[place].Length - 1)
            from value in Gen.Choose(0, 255)
            select (place, offset, value);
        Prop.ForAll(change.ArrayOf().ToArbitrary(), changes =>
        {
            machine.WithGoldenTables(AcpiMachine.Q35Fadt());
            foreach ((int place, int offset, int value) in changes)
            {
                // The byte goes to the next one or the checksum, so that the change is not refused at the door.
                byte* at = Memory.PhysicalMemory.At(places[place].At);
                at[offset == 8 ? 10 : place == 0 ? 8 : 9] += (byte)(at[offset] - value);
                at[offset] = (byte)value;
            }

            AcpiStatus status = machine.Find();
            return status == AcpiStatus.Ok || !machine.Tables->Fixed.IsPresent;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    private delegate T Reader<T>(ByteWindow window);

    private static void Check<T>(byte[] golden, Reader<T> read)
    {
        Gen<(int Offset, byte Value)> mutation =
            from offset in Gen.Choose(0, golden.Length - 1)
            from value in Gen.OneOf(Gen.Elements(0, 1, 2, 8, 0x12, 0x5C, 0xC0, 0xFF), Gen.Choose(0, 255))
            select (offset, (byte)value);
        Gen<((int Offset, byte Value)[] Changes, int Length)> cut =
            from changes in mutation.ArrayOf()
            from length in Gen.OneOf(Gen.Constant(golden.Length), Gen.Choose(0, golden.Length))
            select (changes, length);
        Prop.ForAll(cut.ToArbitrary(), test =>
        {
            byte[] mutated = golden[..test.Length];
            foreach ((int offset, byte value) in test.Changes)
            {
                if (offset < mutated.Length)
                {
                    mutated[offset] = value;
                }
            }

            return Equals(ReadAmong(0x00, mutated, read), ReadAmong(0xFF, mutated, read));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
    }

    private static T ReadAmong<T>(byte surroundings, byte[] table, Reader<T> read)
    {
        byte[] memory = new byte[2 * Around + table.Length];
        memory.AsSpan().Fill(surroundings);
        table.CopyTo(memory, Around);
        fixed (byte* start = memory)
        {
            return read(ByteWindow.Over(start + Around, (ulong)table.Length));
        }
    }
}
