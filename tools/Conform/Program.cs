using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Conform.Own;
using VirtioGuest.Conformance;

foreach (Verdict each in OwnDriver.Judge("ours", hasPacked: true).Where(each => each.Outcome != Outcome.Pass))
{
    Console.WriteLine($"{each.Outcome} {each.Requirement.Id} {each.Requirement.Text} {each.Reason}");
    if (each.Evidence != null)
    {
        Console.WriteLine($"  {each.Evidence.Place} {each.Evidence.Count}: {each.Evidence.Text}\n    {string.Join("\n    ", each.Evidence.Steps)}");
    }
}
