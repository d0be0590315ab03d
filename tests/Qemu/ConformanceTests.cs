using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Traces;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>The drivers of the kernel keep what can be seen of them in QEMU's trace (docs/conformance.md).</summary>
public sealed class ConformanceTests : QemuTest
{
    private static readonly string[] s_traced =
        ["memory_region_ops_read", "memory_region_ops_write", "pci_cfg_read", "pci_cfg_write"];

    [TestCase(MachineType.Pc, true, "disable-legacy=on")]
    [TestCase(MachineType.Q35, false, "disable-legacy=on,vectors=0")]
    [TestCase(MachineType.Q35, true, "disable-legacy=on,page-per-vq=on,vectors=2")]
    public void Our_drivers_break_nothing_that_a_trace_shows(MachineType machine, bool isPacked, string properties)
    {
        string trace = Path.Combine(Folder, "trace");
        GuestOptions options = new GuestOptions { Machine = machine }
            .WithDisk(new DiskOptions(NewDisk().Path) { IsPacked = isPacked, Properties = properties })
            .WithNic(new NicOptions { IsPacked = isPacked, Properties = properties })
            .WithArguments([.. s_traced.SelectMany(each => new[] { "-trace", each }), "-D", trace]);

        Run(options, "blk 0 fill 5 100 5; blk 0 flush; net 0 dhcp; exit");

        using StreamReader reader = File.OpenText(trace);
        IReadOnlyList<Verdict> verdicts = QemuTrace.Read(reader).Judge("ours", onlyLast: true);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                verdicts.Where(each => each.Outcome == Outcome.Fail).Select(each =>
                    $"{each.Target} {each.Requirement.Id}: {each.Evidence!.Text}"),
                Is.Empty);
            Assert.That(verdicts.Select(each => each.Target).Distinct().Count(), Is.EqualTo(2));
            Assert.That(verdicts.Count(each => each.Outcome == Outcome.Pass), Is.GreaterThan(40));
        }
    }
}
