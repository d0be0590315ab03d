using NUnit.Framework;

namespace VirtioGuest.Pci.Tests;

public sealed class PciNamesTests
{
    [TestCase(0x01, 0x80, "Mass storage controller")]
    [TestCase(0x02, 0x00, "Ethernet controller")]
    [TestCase(0x06, 0x04, "PCI bridge")]
    [TestCase(0xAB, 0x00, "Unknown class")]
    public void A_class_has_the_name_of_its_subclass_or_else_of_its_base(byte baseClass, byte subclass, string name) =>
        Assert.That(PciNames.Class(baseClass, subclass), Is.EqualTo(name));

    [Test]
    public void Devices_that_the_table_knows_have_names()
    {
        Assert.That(PciNames.Vendor(0x1AF4), Is.EqualTo("virtio"));
        Assert.That(PciNames.Device(0x1AF4, 0x1042), Is.EqualTo("block"));
        Assert.That(PciNames.Device(0x8086, 0x1237), Is.EqualTo("440FX host bridge"));
        Assert.That(PciNames.Vendor(0xDEAD), Is.Null);
        Assert.That(PciNames.Device(0xDEAD, 0xBEEF), Is.Null);
        Assert.That(PciNames.Device(0x1AF4, 0xFFFF), Is.Null);
    }

    [Test]
    public void Capabilities_have_short_names()
    {
        Assert.That(CapabilityId.NameOf(CapabilityId.MsiX), Is.EqualTo("MSI-X"));
        Assert.That(CapabilityId.NameOf(0xEE), Is.Null);
    }

    [Test]
    public void All_names_are_ascii()
    {
        for (int id = 0; id <= 0xFFFF; id++)
        {
            string text = PciNames.Class((byte)(id >> 8), (byte)id) + PciNames.Vendor((ushort)id)
                + PciNames.Device(0x1AF4, (ushort)id) + PciNames.Device(0x8086, (ushort)id);
            Assert.That(text, Does.Match("^[ -~]+$"));
        }
    }
}
