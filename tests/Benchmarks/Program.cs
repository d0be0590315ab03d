using System;
using System.Globalization;
using System.IO;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using VirtioGuest.Benchmarks;

// `report FILE` measures what ./build.sh bench wants to know, `compare` only what is compared with C, in seconds;
// anything else is for BenchmarkDotNet.
bool isReport = args is ["report", _];
Job job = (isReport ? Job.ShortRun : Job.Default).WithToolchain(InProcessEmitToolchain.Instance);
IConfig config = DefaultConfig.Instance
    .AddJob(job)
    .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "virtioguest-benchmarks"));
if (isReport)
{
    Report.Write(args[1], config);
}
else if (args is ["compare"])
{
    foreach (Figure figure in Report.Compare())
    {
        Console.WriteLine(
            $"{figure.Name} {figure.Value.ToString("N3", CultureInfo.InvariantCulture)} {figure.Unit}");
    }
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
}
