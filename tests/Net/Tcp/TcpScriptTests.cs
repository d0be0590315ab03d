using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests.Tcp;

/// <summary>The conversations in <c>Scripts</c>.</summary>
public sealed class TcpScriptTests
{
    private static string Folder => Path.Combine(TestContext.CurrentContext.TestDirectory, "Tcp", "Scripts");

    private static IEnumerable<string> Names => Directory.GetFiles(Folder, "*.tcp")
        .Select(path => Path.GetFileNameWithoutExtension(path)).Order();

    [TestCaseSource(nameof(Names))]
    public void A_conversation_goes_as_it_is_written(string name) =>
        TcpScriptText.Run(Path.Combine(Folder, name + ".tcp"));

    [TestCase("listen\n< S 0:0\n> S. 0:0 ack 2", "line 3")]
    [TestCase("open mss 1460\nread 1", "line 2")]
    [TestCase("open mss 1460\nstate Closed", "line 2")]
    [TestCase("jump", "line 1")]
    public void A_conversation_that_goes_otherwise_fails_and_says_where(string text, string where)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            using (new NUnit.Framework.Internal.TestExecutionContext.IsolatedContext())
            {
                Assert.That(
                    () => TcpScriptText.Run(path),
                    Throws.InstanceOf<AssertionException>().With.Message.Contains(where + ":"));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }
}
