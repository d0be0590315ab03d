using System;
using System.Collections.Generic;
using System.IO;
using NUnit.Framework;
using NUnit.Framework.Interfaces;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// A test with guests and disks of its own. They go when it ends; a test that fails keeps the serial logs.
/// </summary>
public abstract class QemuTest
{
    private readonly List<QemuGuest> _guests = [];
    private int _disks;

    /// <summary>A folder for this test alone.</summary>
    protected string Folder { get; } = Directory.CreateTempSubdirectory("vg-").FullName;

    /// <summary>How many machines this test has started.</summary>
    protected int Machines => _guests.Count;

    /// <summary>Starts a machine.</summary>
    protected QemuGuest Start(GuestOptions options)
    {
        QemuGuest guest = StartOnce(options);
        if (options.RetriesSilentReset && guest.HasResetSilently(out string notice))
        {
            TestContext.Out.WriteLine($"The machine reset itself before it said anything: once more.\n{notice}");
            guest = StartOnce(options);
        }

        return guest;
    }

    private QemuGuest StartOnce(GuestOptions options)
    {
        TestContext.TestAdapter test = TestContext.CurrentContext.Test;
        string name = $"{test.MethodName}-{test.ID}-{_guests.Count}";
        string logs = Path.Combine(TestContext.CurrentContext.WorkDirectory, "serial");
        Directory.CreateDirectory(logs);
        string folder = Directory.CreateDirectory(Path.Combine(Folder, $"{_guests.Count}")).FullName;
        QemuGuest guest = QemuGuest.Start(options, folder, Path.Combine(logs, $"{name}.log"));
        _guests.Add(guest);
        return guest;
    }

    /// <summary>Starts a machine, lets its script run and returns what came; another exit status fails.</summary>
    protected Transcript Run(GuestOptions options, string script, int status = QemuGuest.Success)
    {
        return Run(options.WithScript(script), status);
    }

    /// <summary>The same with a script, or something else that ends the guest, already in the options.</summary>
    protected Transcript Run(GuestOptions options, int status = QemuGuest.Success)
    {
        QemuGuest guest = Start(options);
        int actual = guest.WaitForExit();
        if (actual != status)
        {
            guest.Fail($"QEMU ended with status {actual} instead of {status}.");
        }

        return new Transcript(guest.Serial.Lines);
    }

    /// <summary>A disk that has bytes of its own in every sector.</summary>
    protected DiskImage NewDisk(int sectors = 2048)
    {
        return DiskImage.CreateRandom(NextDiskPath(), sectors, seed: _disks);
    }

    /// <summary>A disk of zeros.</summary>
    protected DiskImage NewEmptyDisk(long sectors)
    {
        return DiskImage.CreateEmpty(NextDiskPath(), sectors);
    }

    /// <summary>Ends the guests and removes their files.</summary>
    [TearDown]
    public void EndGuests()
    {
        bool hasFailed = TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Failed;
        foreach (QemuGuest guest in _guests)
        {
            guest.Dispose();
            if (hasFailed)
            {
                TestContext.AddTestAttachment(guest.Serial.Path, "serial log");
                TestContext.Out.WriteLine($"--- serial log {guest.Serial.Path}\n{guest.Serial.Tail()}");
            }
            else
            {
                File.Delete(guest.Serial.Path);
            }
        }

        Directory.Delete(Folder, recursive: true);
    }

    private string NextDiskPath()
    {
        return Path.Combine(Folder, $"disk{_disks++}.img");
    }
}
