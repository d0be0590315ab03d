using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using NUnit.Framework;
using VirtioGuest.Build.Benchmarks.Linux;

namespace VirtioGuest.Build.Tests;

/// <summary>The comparison with Linux: what the guests print, what is made of it, and who runs when.</summary>
internal sealed class ComparisonTests
{
    private const string Report =
        "{\"workload\":\"w\",\"release\":\"6.1.0-57-cloud-amd64\",\"ring\":\"packed\",\"requests\":2000,"
        + "\"ticks\":9000000,\"nanoseconds\":4000000,\"idleNanoseconds\":1000000,\"interrupts\":500}";

    private static readonly string[] s_shell =
    [
        "VirtioGuest 0.1.0 on .NET 10.0.12, started by pvh",
        "disk0: virtio-blk at 00:02.0, 2097152 sectors (1024 MiB), packed ring",
        "vg> blk 0 bench randread 4096 32 1.5",
        "after 1 s: 267000 per second",
        "disk0: packed ring, randread of 4096 bytes, 32 at a time, by interrupt, 1.5 s",
        "interrupts: 0.0320 per request",
        "{\"disk\":\"disk0\",\"ring\":\"packed\",\"iops\":267640.0,\"driver\":194.0,\"rest\":315.2,"
            + "\"interrupts\":0.0320}",
    ];

    private static readonly Workload s_rate = new BlockWorkload("randread", BlockWorkload.Page, 32, Measure.Rate);

    private static readonly Workload s_instructions =
        new BlockWorkload("randread", BlockWorkload.Page, 32, Measure.Instructions);

    private static readonly Workload s_onlyLinux = new OnlyLinuxWorkload();

    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("comparison").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Line_of_Linux_is_a_result_without_the_idle_time()
    {
        Assert.That(
            LinuxGuest.Parse(Report).ToSample(),
            Is.EqualTo(new Sample(
                "packed", RequestsPerSecond: 500_000, TicksPerRequest: 3375, InterruptsPerRequest: 0.25)));
    }

    [TestCase("{")]
    [TestCase("{}")]
    [TestCase("[]")]
    [TestCase("""{"workload":"w","requests":0,"nanoseconds":5}""")]
    [TestCase("""{"workload":"w","requests":5,"nanoseconds":0}""")]
    [TestCase("""{"workload":"w","requests":"many","nanoseconds":5}""")]
    public void Line_of_Linux_that_is_no_result_is_refused_and_quoted(string line)
    {
        Assert.That(() => LinuxGuest.Parse(line), Throws.TypeOf<BuildFailure>().With.Message.Contains($"'{line}'"));
    }

    [Test]
    public void Lines_of_our_guest_are_a_result_once_the_last_is_there()
    {
        for (int count = 1; count < s_shell.Length; count++)
        {
            Assert.That(s_rate.ReadShell(s_shell[..count]), Is.Null);
        }

        Assert.That(s_rate.ReadShell(s_shell), Is.EqualTo(new Sample("packed", 267_640, 509.2, 0.032)));
    }

    [TestCase("{")]
    [TestCase("{}")]
    [TestCase("{\"ring\":\"packed\",\"iops\":\"many\",\"driver\":1,\"rest\":1,\"interrupts\":1}")]
    [TestCase("{\"ring\":\"packed\",\"iops\":0,\"driver\":1,\"rest\":1,\"interrupts\":1}")]
    [TestCase("{\"ring\":\"packed\",\"iops\":5,\"driver\":0,\"rest\":0,\"interrupts\":1}")]
    public void Line_of_our_guest_that_is_no_result_is_refused_and_quoted(string line)
    {
        Assert.That(
            () => s_rate.ReadShell([line]), Throws.TypeOf<BuildFailure>().With.Message.Contains($"'{line}'"));
    }

    [Test]
    public void Workloads_have_names_of_their_own_and_a_job_for_Linux()
    {
        Assert.That(Workload.All.Select(one => one.Name), Is.Unique);
        Assert.That(Workload.All.Select(one => one.Title + one.Measure), Is.Unique);
        Assert.That(
            s_rate.LinuxJob, Is.EqualTo("blk.randread.4k.qd32.rate:disk:randread:4096:32:0:1500"));
        Assert.That(
            s_instructions.LinuxJob, Is.EqualTo("blk.randread.4k.qd32.instructions:disk:randread:4096:32:20000:0"));
        var sequential = new BlockWorkload("read", 1 << 20, 4, Measure.Rate);
        Assert.That(sequential.Name, Is.EqualTo("blk.read.1m.qd4.rate"));
        Assert.That(sequential.Title, Is.EqualTo("1 MB sequential reads, 4 at a time"));
        Assert.That(sequential.ShellCommand, Is.EqualTo("blk 0 bench read 1048576 4 1.5"));
        Assert.That(s_instructions.ShellCommand, Is.EqualTo("blk 0 bench randread 4096 32 20000x"));
    }

    [Test]
    public void Network_workloads_are_told_to_both_guests_and_read_from_both()
    {
        var sent = new NetWorkload("tx", 18, 32, Measure.Instructions);
        Assert.That(sent.Name, Is.EqualTo("net.tx.18.burst32.instructions"));
        Assert.That(sent.LinuxJob, Is.EqualTo("net.tx.18.burst32.instructions:net:tx:18:32:20000:0:10.0.9"));
        Assert.That(
            sent.ShellCommand, Is.EqualTo("net 0 static 10.0.9.2/24 10.0.9.1; net 0 bench tx 18 32 20000x"));
        var stream = new NetWorkload("tcp-rx", 65536, 1, Measure.Rate);
        Assert.That(stream.Name, Is.EqualTo("net.tcp-rx.64k.rate"));
        Assert.That(stream.LinuxJob, Does.StartWith("net.tcp-rx.64k.rate:net:tcp-rx:65536:1:0:1500:10.78."));
        Assert.That(stream.ShellCommand, Does.EndWith("; net 0 bench tcp-rx 65536 1.5"));
        const string Line = "{\"net\":\"net0\",\"ring\":\"packed\",\"perSecond\":500.0,\"driver\":190.5,"
            + "\"rest\":200.5,\"interrupts\":0.5}";
        Assert.That(sent.ReadShell(["datagrams: 5"]), Is.Null);
        Assert.That(sent.ReadShell([Line]), Is.EqualTo(new Sample("packed", 500, 391, 0.5)));
        foreach (string line in new[] { "{", "{}", Line.Replace("500.0", "0", StringComparison.Ordinal) })
        {
            Assert.That(() => sent.ReadShell([line]), Throws.TypeOf<BuildFailure>().With.Message.Contains(line));
        }
    }

    [Test]
    public void The_host_at_the_wire_answers_ARP_sends_back_and_generates()
    {
        byte[] question = Convert.FromHexString(
            "FFFFFFFFFFFF" + "525400123456" + "0806" + "00010800060400" + "01" + "525400123456" + "0A000902"
            + "000000000000" + "0A000901" + new string('0', 36));
        byte[] answer = SocketWire.Answer(question, out bool isForEver)!;
        Assert.That(
            Convert.ToHexString(answer.AsSpan(0, 42)),
            Is.EqualTo(
                "525400123456" + "525400000002" + "0806" + "00010800060400" + "02" + "525400000002" + "0A000901"
                + "525400123456" + "0A000902"));
        question[41] = 9;
        Assert.That(SocketWire.Answer(question, out _), Is.Null, "for somebody else");
        byte[] datagram = Convert.FromHexString(
            "525400000002" + "525400123456" + "0800" + "4500001D000000004011" + "ABCD" + "0A000902" + "0A000901"
            + "0009" + "0007" + "0009" + "1234" + "78" + new string('0', 34));
        answer = SocketWire.Answer(datagram, out isForEver)!;
        Assert.That(isForEver, Is.False);
        Assert.That(
            Convert.ToHexString(answer),
            Is.EqualTo(
                "525400123456" + "525400000002" + "0800" + "4500001D000000004011" + "ABCD" + "0A000901" + "0A000902"
                + "0007" + "0009" + "0009" + "1234" + "78" + new string('0', 34)));
        datagram[37] = 9;
        Assert.That(SocketWire.Answer(datagram, out _), Is.Null, "discarded");
        datagram[37] = 19;
        Assert.That(SocketWire.Answer(datagram, out isForEver)![35], Is.EqualTo(19));
        Assert.That(isForEver, Is.True);
        Assert.That(SocketWire.Answer(datagram.AsSpan(0, 20), out _), Is.Null, "too short");
    }

    [Test]
    public void Choose_takes_the_workloads_with_a_text_in_their_name()
    {
        Assert.That(Comparison.Choose(null), Is.EqualTo(Workload.All));
        Assert.That(
            Comparison.Choose("qd32.instr").Single().Name, Is.EqualTo("blk.randread.4k.qd32.instructions"));
        Assert.That(
            () => Comparison.Choose("nothing"),
            Throws.TypeOf<BuildFailure>().With.Message.Contains("'nothing'").And.Message.Contains(s_rate.Name));
    }

    [TestCase(new[] { 3.0 }, 3, 3, 3)]
    [TestCase(new[] { 9.0, 1.0, 2.0 }, 2, 1, 9)]
    [TestCase(new[] { 9.0, 1.0, 2.0, 4.0 }, 3, 1, 9)]
    public void Spread_has_the_median_and_both_ends(double[] values, double median, double least, double most)
    {
        Assert.That(Spread.Of(values), Is.EqualTo(new Spread(median, least, most)));
    }

    [Test]
    public void Ratio_is_taken_in_each_round_before_the_median()
    {
        var row = new ComparisonRow(s_rate);
        row.Add(Rate(400), Rate(100));
        row.Add(Rate(100), Rate(50));
        row.Add(Rate(900), Rate(300));

        Assert.That(row.Own, Is.EqualTo(new Spread(400, 100, 900)));
        Assert.That(row.Linux, Is.EqualTo(new Spread(100, 50, 300)));
        Assert.That(row.Ratio, Is.EqualTo(new Spread(3, 2, 4)));
    }

    [Test]
    public void Ratio_of_instructions_is_above_one_where_ours_are_fewer()
    {
        var row = new ComparisonRow(s_instructions);
        row.Add(new Sample("packed", 1, 500, 0.5), new Sample("packed", 2, 7000, 0.25));

        Assert.That(row.Ratio!.Value.Median, Is.EqualTo(14));
        Assert.That((row.OwnInterrupts, row.LinuxInterrupts), Is.EqualTo(((double?)0.5, 0.25)));
    }

    [Test]
    public void Guests_take_turns_and_the_first_changes_with_every_round()
    {
        List<string> runs = [];
        ComparisonRow[] rows = [new(s_rate), new(s_onlyLinux), new(s_instructions)];

        Comparison.RunInTurns(new FakeGuest("own", runs), new FakeGuest("linux", runs), rows, 3, runs.Add);

        Assert.That(runs, Is.EqualTo(new[]
        {
            $"round 1 of 3, {s_rate.Name}", "own", "linux",
            $"round 1 of 3, {s_onlyLinux.Name}", "linux",
            $"round 1 of 3, {s_instructions.Name}", "own", "linux",
            $"round 2 of 3, {s_rate.Name}", "linux", "own",
            $"round 2 of 3, {s_onlyLinux.Name}", "linux",
            $"round 2 of 3, {s_instructions.Name}", "linux", "own",
            $"round 3 of 3, {s_rate.Name}", "own", "linux",
            $"round 3 of 3, {s_onlyLinux.Name}", "linux",
            $"round 3 of 3, {s_instructions.Name}", "own", "linux",
        }));
        Assert.That(rows.Select(row => row.Ratio?.Median), Is.EqualTo(new double?[] { 1, null, 1 }));
    }

    [Test]
    public void Markdown_has_a_row_for_each_workload_and_says_how_it_was_measured()
    {
        string[] lines = Measured().ToMarkdown().Split('\n');

        Assert.That(string.Join('\n', lines[..6]), Is.EqualTo(
            """
            |  | VirtioGuest | Linux | ratio | in single rounds |
            | --- | ---: | ---: | ---: | ---: |
            | 4 KB random reads, 32 at a time: requests per second | 267,640 | 55,550 | 4.8 | 4.8 to 4.8 |
            | 1 MB sequential reads, 4 at a time: requests per second | - | 12,000 | - | - |
            | 4 KB random reads, 32 at a time: instructions per request | 510 | 7,140 | 14.0 | 14.0 to 14.0 |

            """));
        Assert.That(lines[6], Does.Contain("Linux 6.1.0-57-cloud-amd64"));
        Assert.That(lines[7], Does.Contain("QEMU <7> & more"));
        Assert.That(
            lines.Count(line => line.StartsWith("Linux asks through aio ", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public void Json_has_every_workload_with_the_values_of_both_guests()
    {
        using JsonDocument json = JsonDocument.Parse(Measured().ToJson());
        JsonElement[] workloads = [.. json.RootElement.GetProperty("workloads").EnumerateArray()];

        Assert.That(json.RootElement.GetProperty("linux").GetString(), Is.EqualTo("6.1.0-57-cloud-amd64"));
        Assert.That(
            workloads.Select(one => one.GetProperty("name").GetString()),
            Is.EqualTo(new[] { s_rate.Name, s_onlyLinux.Name, s_instructions.Name }));
        Assert.That(workloads[0].GetProperty("virtioGuest").GetProperty("median").GetDouble(), Is.EqualTo(267_640));
        Assert.That(workloads[0].GetProperty("linux").GetProperty("most").GetDouble(), Is.EqualTo(55_550));
        Assert.That(
            workloads[0].GetProperty("ratio").GetProperty("least").GetDouble(),
            Is.EqualTo(267.64 / 55.55).Within(1e-9));
        Assert.That(workloads[1].GetProperty("virtioGuest").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public void Chart_has_two_bars_to_scale_for_each_workload_that_both_have_run()
    {
        XElement chart = XElement.Parse(ComparisonChart.Draw(Measured()));
        XNamespace svg = "http://www.w3.org/2000/svg";
        (string? Colour, double Width)[] bars =
        [
            .. chart.Elements(svg + "rect").Skip(3).Select(one => (
                one.Attribute("fill")?.Value,
                double.Parse(one.Attribute("width")!.Value, CultureInfo.InvariantCulture))),
        ];
        string[] texts = [.. chart.Elements(svg + "text").Select(one => one.Value)];

        Assert.That(chart.Name, Is.EqualTo(svg + "svg"));
        Assert.That(bars, Has.Length.EqualTo(4));
        Assert.That(bars[0].Width / bars[1].Width, Is.EqualTo(267.64 / 55.55).Within(0.01));
        Assert.That(bars[3].Width / bars[2].Width, Is.EqualTo(14).Within(0.01));
        Assert.That(texts, Has.Some.EqualTo("267,640, ratio 4.8").And.Some.Contains("QEMU <7> & more"));
        Assert.That(texts, Has.None.Contains("1 MB"));
    }

    [Test]
    public void Missing_package_is_told_in_one_line_that_gets_it()
    {
        var workspace = new Workspace("/source", _folder);
        string folder = Path.GetRelativePath(Environment.CurrentDirectory, Path.Combine(_folder, "bench"));

        string message = Assert.Throws<BuildFailure>(() => LinuxGuest.Prepare(workspace))!.Message;

        Assert.That(message, Does.Not.Contain('\n'));
        Assert.That(message, Does.Contain($"cd {folder} && apt-get download ").And.Contain("linux-image-cloud-amd64"));
    }

    [Test]
    public void Newest_package_in_the_folder_is_taken()
    {
        var workspace = new Workspace("/source", _folder);
        Directory.CreateDirectory(workspace.Comparisons);
        DateTime time = DateTime.UtcNow.AddDays(-1);
        foreach (string name in new[]
        {
            "linux-image-6.1.0-9-cloud-amd64_6.1.27-1_amd64.deb",
            "linux-image-6.1.0-57-cloud-amd64_6.1.192-3_amd64.deb",
            "linux-image-6.1.0-58-amd64_6.1.193-1_amd64.deb",
            "linux.json",
        })
        {
            string path = Path.Combine(workspace.Comparisons, name);
            File.WriteAllText(path, "");
            File.SetLastWriteTimeUtc(path, time = time.AddHours(1));
        }

        Assert.That(Path.GetFileName(LinuxGuest.FindPackage(workspace)), Does.StartWith("linux-image-6.1.0-57-cloud"));
    }

    [Test]
    public void Package_without_the_kernel_is_refused()
    {
        var workspace = new Workspace(MutantTests.Root, _folder);
        string content = Path.Combine(_folder, "content");
        string control = Path.Combine(content, "DEBIAN", "control");
        Directory.CreateDirectory(Path.GetDirectoryName(control)!);
        File.WriteAllText(
            control, "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: nobody <a@b>\nDescription: nothing\n");
        Directory.CreateDirectory(workspace.Comparisons);
        string package = Path.Combine(workspace.Comparisons, "linux-image-x-cloud-amd64_1_amd64.deb");
        ExternalProgram.Run("dpkg-deb", ["-b", content, package]);

        Assert.That(
            () => LinuxGuest.Prepare(workspace),
            Throws.TypeOf<BuildFailure>().With.Message.EqualTo(
                "linux-image-x-cloud-amd64_1_amd64.deb has 0 files vmlinuz-*, and not one"));
        Assert.That(Directory.Exists(workspace.Intermediate("linux", "package")), Is.False);
    }

    [Test]
    public void Guest_that_prints_its_result_is_read_and_ended()
    {
        Assert.That(
            Run($"echo starting; echo '{Named(s_rate)}'; sleep 60"),
            Is.EqualTo(LinuxGuest.Parse(Report).ToSample()));
    }

    [TestCase("echo '[    1.5] Kernel panic - not syncing'", 60, "ended too early", "Kernel panic - not syncing")]
    [TestCase("echo starting; echo 'cannot open disk' >&2", 60, "ended too early", "cannot open disk")]
    [TestCase("echo starting; sleep 60", 5, "within 5 s", "starting")]
    [TestCase("echo starting; echo 'error: /dev/vda: no'; sleep 60", 60, "'error: /dev/vda: no'", "starting")]
    [TestCase("echo starting; echo '{'; sleep 60", 60, "'{'", "starting")]
    public void Guest_without_a_result_is_an_error_with_its_serial_log(
        string script, int seconds, string why, string log)
    {
        Assert.That(
            () => Run(script, seconds),
            Throws.TypeOf<BuildFailure>().With.Message.StartsWith($"{s_rate.Name} on Linux: ")
                .And.Message.Contains(why).And.Message.Contains(log));
    }

    [Test]
    public void Result_of_another_workload_or_another_ring_is_refused()
    {
        Assert.That(
            () => Run($"echo '{Report}'"), Throws.TypeOf<BuildFailure>().With.Message.Contains("Linux reports 'w'"));
        Assert.That(
            () => Run($"echo '{Named(s_rate).Replace("packed", "split", StringComparison.Ordinal)}'"),
            Throws.TypeOf<BuildFailure>().With.Message.Contains("'split'"));
    }

    [Test]
    public void Program_for_Linux_compiles_to_one_that_needs_no_library()
    {
        string target = Path.Combine(_folder, "init");

        LinuxGuest.CompileInit(Path.Combine(MutantTests.Root, "tools/Build/Benchmarks/Linux/init.c"), target);

        byte[] program = File.ReadAllBytes(target);
        Assert.That(program.AsSpan(0, 4).SequenceEqual("\u007fELF"u8), Is.True);
        Assert.That(program.AsSpan().IndexOf("ld-musl"u8), Is.EqualTo(-1));
    }

    [Test]
    public void Initial_ram_disk_is_an_archive_of_what_was_added()
    {
        var disk = new InitialRamDisk();
        disk.AddFolder("dev");
        disk.AddCharacterDevice("dev/console", 5, 1);
        disk.AddFile("init", [1, 2, 3]);

        byte[] archive = disk.Finish();

        Assert.That(archive.Length % 4, Is.EqualTo(0));
        Assert.That(string.Join('\n', Entries(archive)), Is.EqualTo(
            """
            dev 40755 0:0 -
            dev/console 20600 5:1 -
            init 100755 0:0 010203
            TRAILER!!! 0 0:0 -
            """));
    }

    private static List<string> Entries(byte[] archive)
    {
        List<string> entries = [];
        for (int at = 0; at < archive.Length;)
        {
            string header = Encoding.ASCII.GetString(archive, at, 110);
            Assert.That(header, Does.StartWith("070701"));
            int[] fields =
            [
                .. Enumerable.Range(0, 13).Select(i => Convert.ToInt32(header.Substring(6 + (8 * i), 8), 16)),
            ];
            string name = Encoding.ASCII.GetString(archive, at + 110, fields[11] - 1);
            int content = (at + 110 + fields[11] + 3) & ~3;
            string bytes = fields[6] == 0 ? "-" : Convert.ToHexString(archive, content, fields[6]);
            entries.Add($"{name} {Convert.ToString(fields[1], 8)} {fields[9]}:{fields[10]} {bytes}");
            at = (content + fields[6] + 3) & ~3;
        }

        return entries;
    }

    private static ComparisonReport Measured()
    {
        var rate = new ComparisonRow(s_rate);
        rate.Add(Rate(267_640), Rate(55_550));
        var onlyLinux = new ComparisonRow(s_onlyLinux);
        onlyLinux.Add(null, Rate(12_000));
        var instructions = new ComparisonRow(s_instructions);
        instructions.Add(new Sample("packed", 1, 510, 0), new Sample("packed", 1, 7140, 0));
        return new ComparisonReport([rate, onlyLinux, instructions], "QEMU <7> & more", "6.1.0-57-cloud-amd64");
    }

    private static Sample Rate(double value) => new("packed", value, 1, 1);

    private static string Named(Workload workload) =>
        Report.Replace("\"w\"", $"\"{workload.Name}\"", StringComparison.Ordinal);

    private static Sample Run(string script, int seconds = 60) =>
        new LinuxGuest("", "").Run(s_rate, "sh", ["-c", script], TimeSpan.FromSeconds(seconds));

    private sealed class FakeGuest : Contestant
    {
        private readonly List<string> _runs;

        public FakeGuest(string name, List<string> runs)
        {
            Name = name;
            _runs = runs;
        }

        public override string Name { get; }

        public override bool CanRun(Workload workload) => Name == "linux" || workload.ShellCommand is not null;

        public override IReadOnlyList<string> Boot(Workload workload) => [];

        public override Sample? Read(Workload workload, IReadOnlyList<string> lines) => null;

        public override Sample Run(Workload workload)
        {
            _runs.Add(Name);
            return Rate(5);
        }
    }

    /// <summary>Something that our guest has no command for.</summary>
    private sealed class OnlyLinuxWorkload : Workload
    {
        public override string Name => "blk.read.1m.qd4.rate";

        public override string Title => "1 MB sequential reads, 4 at a time";

        public override Measure Measure => Measure.Rate;

        public override string Method => s_rate.Method;

        public override IReadOnlyList<string> Devices => s_rate.Devices;

        public override string? ShellCommand => null;

        public override string LinuxJob => s_rate.LinuxJob;

        public override Sample? ReadShell(IReadOnlyList<string> lines) => null;
    }
}
