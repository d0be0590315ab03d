using NUnit.Framework;
using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class AcpiSoftOffTests
{
    private static bool TryFind(string aml, out SoftOff found)
    {
        byte[] bytes = AcpiMachine.Bytes(aml);
        fixed (byte* start = bytes)
        {
            return SoftOff.TryFind(ByteWindow.Over(start, (ulong)bytes.Length), out found);
        }
    }

    [TestCase(AcpiMachine.QemuSoftOff, 0, 0)]
    [TestCase("08 5f53355f 1206 04 01010000", 1, 1, TestName = "One")]
    [TestCase("08 5f53355f 1208 04 0a050a050000", 5, 5, TestName = "Bytes")]
    [TestCase("08 5c5f53355f 1207 04 0a0700 0000", 7, 0, TestName = "Root prefix")]
    [TestCase("08 5e5f53355f 1207 04 0a0700 0000", 7, 0, TestName = "Parent prefix")]
    [TestCase("08 5e5e5e5f53355f 1207 04 0a0700 0000", 7, 0, TestName = "Parent prefixes")]
    [TestCase("08 5f53355f 1207 02 0b0500 0a06", 5, 6, TestName = "Word")]
    [TestCase("08 5f53355f 1209 02 0c05000000 0a06", 5, 6, TestName = "Double word")]
    [TestCase("08 5f53355f 120d 02 0e0500000000000000 0a06", 5, 6, TestName = "Quad word")]
    [TestCase("08 5f53355f 1205 02 ff 0a06", 7, 6, TestName = "Ones")]
    [TestCase("08 5f53355f 1205 01 0b0503", 5, 3, TestName = "One element with both")]
    [TestCase("08 5f53355f 124700 02 0a050a06", 5, 6, TestName = "Length of two bytes")]
    [TestCase("08 5f53355f 12880000 02 0a050a06", 5, 6, TestName = "Length of three bytes")]
    [TestCase("08 5f53355f 12c9000000 02 0a050a06", 5, 6, TestName = "Length of four bytes")]
    [TestCase("5f53355f 0d5f53355f00 08 5f53355f 1206 02 0a050a06", 5, 6, TestName = "After mentions")]
    [TestCase("08 5f53355f 0a05 08 5f53355f 1206 02 0a050a06", 5, 6, TestName = "After a name that is no package")]
    public void A_package_is_read(string aml, int first, int second)
    {
        Assert.That(TryFind(aml, out SoftOff found), Is.True);
        Assert.That((found.IsPresent, found.SleepTypeA, found.SleepTypeB), Is.EqualTo((true, first, second)));
    }

    [TestCase("4105", 81)]
    [TestCase("810501", 0x1051)]
    [TestCase("c1050100", 0x1051)]
    public void Every_byte_of_the_length_counts(string encoded, int length)
    {
        // Package, length, two bytes, and zeros until the package is as long as it says.
        string start = $"085f53355f 12 {encoded} 02 0a050a06";
        string whole = start + new string('0', 2 * (length - encoded.Length / 2 - 5));
        Assert.That(TryFind(whole, out SoftOff found), Is.True);
        Assert.That((found.SleepTypeA, found.SleepTypeB), Is.EqualTo((5, 6)));
        Assert.That(TryFind(whole[..^2], out _), Is.False, "a byte less and the package leaves the block");
    }

    [TestCase("", TestName = "Nothing")]
    [TestCase("08 5f53355f", TestName = "Name alone")]
    [TestCase("08 5f53355f 12", TestName = "No length")]
    [TestCase("08 5f53355f 1206 04 0000", TestName = "Package past the end")]
    [TestCase("08 5f53355f 1200 04 0000", TestName = "Length 0")]
    [TestCase("08 5f53355f 1201 04 0000", TestName = "Length of itself alone")]
    [TestCase("08 5f53355f 1202 00 0000", TestName = "No elements")]
    [TestCase("08 5f53355f 1203 02 00 00", TestName = "Second element outside the package")]
    [TestCase("08 5f53355f 1204 02 00 0a 05", TestName = "Operand outside the package")]
    [TestCase("08 5f53355f 1208 02 5f53305f 00 00", TestName = "A reference")]
    [TestCase("08 5f53355f 12cfffffff 02 0a050a06", TestName = "Length far past the end")]
    [TestCase("5f53355f 1206 02 0a050a06", TestName = "No NameOp")]
    [TestCase("5c5f53355f 1206 02 0a050a06", TestName = "Root prefix without NameOp")]
    [TestCase("085e5e5e5e5e5e5e5e5e 5f53355f 1206 02 0a050a06", TestName = "Too many parents")]
    [TestCase("10 5f53355f 1206 02 0a050a06", TestName = "Another operator")]
    public void What_does_not_read_like_the_object_is_passed_over(string aml)
    {
        Assert.That(TryFind(aml, out SoftOff found), Is.False);
        Assert.That(found.IsPresent, Is.False);
    }
}
