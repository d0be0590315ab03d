using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Tests.Support;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Tests.Pci;

/// <summary>The function as this project's own enumeration finds it.</summary>
internal sealed class PciEnumerationTests
{
    [Test]
    public void Enumeration_finds_the_function_its_ranges_and_its_capabilities([Values] bool isWide)
    {
        PciFunctionOptions options = new() { HasWideBaseAddress = isWide };
        using PciBench bench = new(options, device => device.SharedMemory.Add(new SharedMemoryRegion(0, 64)));
        SilentLog log = new();
        PciFunction function = PciTopology.Discover(bench.Bus, log).Functions[0];

        using (Assert.EnterMultipleScope())
        {
            Assert.That((function.VendorId, function.DeviceId), Is.EqualTo(((ushort)0x1AF4, (ushort)(0x1040 + 42))));
            Assert.That(function.BaseAddresses.ToArray().Select(each => (each.Index, each.Length)),
                Is.EqualTo(new[] { (0, 0x4000UL), (2, 0x1000UL), (4, 0x1000UL) }));
            Assert.That(function.BaseAddress(0)!.Kind,
                Is.EqualTo(isWide ? BaseAddressKind.Memory64 : BaseAddressKind.Memory32));
            Assert.That(function.Capabilities.ToArray().Select(each => each.Id),
                Is.EqualTo(new byte[] { 9, 9, 9, 9, 9, 0x11, 9 }));
            Assert.That(log.Warnings, Is.Empty);
            Assert.That(bench.Device.Findings, Is.Empty);
        }
    }
}
