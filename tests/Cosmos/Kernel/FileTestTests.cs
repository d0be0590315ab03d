using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>The self-test of a file system, on one that does what it should and on those that do not.</summary>
public sealed class FileTestTests
{
    [Test]
    public void A_file_system_that_works_passes_and_is_put_back()
    {
        var files = new Files();
        Trial trial = Run(files);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(trial.Result.Outcome, Is.EqualTo(SelfTestOutcome.Passed));
            Assert.That(trial.Undone, Is.EqualTo(1));
            Assert.That(files.Log, Is.EqualTo(new[] { "create VGTEST.TMP", "read VGTEST.TMP", "delete VGTEST.TMP" }));
        }
    }

    [Test]
    public void A_file_that_exists_already_is_left_alone()
    {
        var files = new Files();
        files.Contents["VGTEST.TMP"] = [1];
        Trial trial = Run(files);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(trial.Result.Outcome, Is.EqualTo(SelfTestOutcome.Skipped));
            Assert.That(files.Log, Is.Empty);
        }
    }

    [TestCase("flip", "the file does not read back as it was written")]
    [TestCase("cut", "the file is missing, or shorter than what was written")]
    [TestCase("lose", "the file is missing, or shorter than what was written")]
    [TestCase("keep", "the file was deleted and is still there")]
    [TestCase("throw", "System.IO.IOException: the disk is full")]
    public void A_file_system_that_does_not_work_fails_and_is_put_back(string fault, string why)
    {
        Trial trial = Run(new Files { Fault = fault });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(trial.Result.Outcome, Is.EqualTo(SelfTestOutcome.Failed));
            Assert.That(trial.Result.Reason, Is.EqualTo(why));
            Assert.That(trial.Undone, Is.EqualTo(1));
        }
    }

    [Test]
    public void A_disk_that_cannot_be_put_back_fails()
    {
        Trial trial = Run(new Files(), "is gone");

        Assert.That(trial.Result.Reason, Is.EqualTo("the disk could not be put back: the device is gone"));
    }

    [Test]
    public void A_read_only_disk_is_left_alone()
    {
        var files = new Files();
        Trial trial = Run(files, "the disk is read-only", isReadOnly: true);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(trial.Result.Outcome, Is.EqualTo(SelfTestOutcome.Skipped));
            Assert.That(files.Log, Is.Empty);
            Assert.That(trial.Undone, Is.Zero);
        }
    }

    private static Trial Run(Files files, string? undoFailure = null, bool isReadOnly = false)
    {
        using Pc pc = new();
        pc.Boot();
        var trial = new Trial(files, pc.Machine.Clock, undoFailure, isReadOnly);
        trial.Result = trial.Run();
        return trial;
    }

    private sealed class Trial(Files files, MonotonicClock clock, string? undoFailure, bool isReadOnly)
        : FileTest(@"0:\", clock)
    {
        public int Undone { get; private set; }

        public SelfTestResult Result { get; set; }

        protected override bool IsReadOnly => isReadOnly;

        protected override FileStore Open() => files;

        protected override Failure? Undo()
        {
            Undone++;
            return undoFailure is null ? null : new Failure(undoFailure);
        }
    }

    private sealed class Files : FileStore
    {
        public string Fault { get; init; } = "";

        public Dictionary<string, byte[]> Contents { get; } = [];

        public List<string> Log { get; } = [];

        public override bool Contains(string name) => Contents.ContainsKey(name);

        public override void Create(string name, byte[] content)
        {
            Log.Add($"create {name}");
            if (Fault == "throw")
            {
                throw new IOException("the disk is full");
            }

            if (Fault != "lose")
            {
                Contents[name] = [.. content.Take(content.Length - (Fault == "cut" ? 1 : 0))];
            }
        }

        public override int Read(string name, byte[] destination)
        {
            Log.Add($"read {name}");
            Contents[name].CopyTo(destination, 0);
            destination[^1] ^= Fault == "flip" ? (byte)1 : (byte)0;
            return Contents[name].Length;
        }

        public override void Delete(string name)
        {
            Log.Add($"delete {name}");
            if (Fault != "keep")
            {
                Contents.Remove(name);
            }
        }
    }
}
