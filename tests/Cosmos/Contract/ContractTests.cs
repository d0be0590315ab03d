using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;
using NUnit.Framework;

namespace VirtioGuest.Cosmos.Tests.Contract;

/// <summary>The contract is what is listed, nothing of it is more than signatures, and all of it is used.</summary>
public sealed class ContractTests
{
    /// <summary>
    /// Names the folder that holds Cosmos' own assemblies, to compare them with the contract: the Kernel folder of a
    /// devkit, for example.
    /// </summary>
    private const string RealAssemblies = "VIRTIOGUEST_COSMOS_ASSEMBLIES";

    private static readonly string[] s_adapters = ["VirtioGuest.Cosmos", "VirtioGuest.Cosmos.Plugs"];

    private static string[] Listed => [.. File.ReadLines(Path.Combine(CosmosContract.Folder, "members.txt"))
        .Where(line => line.Length != 0 && !line.StartsWith('#'))];

    private static string[] Compiled => [.. CosmosContract.Assemblies
        .SelectMany(assembly => CosmosContract.Members(CosmosContract.Read(CosmosContract.Folder, assembly)))];

    [Test]
    public void The_list_is_what_the_contract_has() =>
        Assert.That(Listed.Order(StringComparer.Ordinal), Is.EqualTo(Compiled.Order(StringComparer.Ordinal)));

    [TestCaseSource(typeof(CosmosContract), nameof(CosmosContract.Assemblies))]
    public void No_method_of_the_contract_does_anything(string assembly)
    {
        IEnumerable<MethodDefinition> methods = CosmosContract.Read(CosmosContract.Folder, assembly)
            .MainModule.GetTypes().Where(type => !IsOfCompiler(type))
            .SelectMany(type => type.Methods).Where(method => method.HasBody);

        // "throw null", or the call of the base class's constructor that the language adds.
        string[] offences = [.. methods
            .Where(method => method.Body.Instructions.Any(each => !IsOfEmptyBody(each)))
            .Select(method => method.FullName)];

        Assert.That(offences, Is.Empty);
    }

    [TestCaseSource(typeof(CosmosContract), nameof(CosmosContract.Assemblies))]
    public void The_contract_lies_where_it_is_read_and_not_where_it_could_run(string assembly)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Path.Combine(CosmosContract.Folder, assembly + ".dll"), Does.Exist);
            Assert.That(Path.Combine(AppContext.BaseDirectory, assembly + ".dll"), Does.Not.Exist);
        }
    }

    [Test]
    public void Every_member_of_the_contract_is_used_by_the_adapters()
    {
        HashSet<string> uses = [.. s_adapters
            .SelectMany(adapter => CosmosContract.Uses(CosmosContract.Read(CosmosContract.Folder, adapter)))];
        HashSet<string> attributes = [.. s_adapters.SelectMany(AttributeProperties)];
        List<string> unused = [];
        foreach (TypeDefinition type in CosmosContract.Assemblies
            .SelectMany(each => CosmosContract.Read(CosmosContract.Folder, each).MainModule.GetTypes()))
        {
            unused.AddRange(Unused(type, uses, attributes));
        }

        Assert.That(unused, Is.Empty);
    }

    [Test]
    public void The_adapters_reach_Cosmos_in_the_machine_and_the_classes_made_for_it_only()
    {
        AssemblyDefinition adapters = CosmosContract.Read(CosmosContract.Folder, "VirtioGuest.Cosmos");
        string[] allowed =
        [
            "VirtioGuest.Cosmos.Machine.CosmosPlatform", "VirtioGuest.Cosmos.Machine.CosmosPorts",
            "VirtioGuest.Cosmos.Machine.CosmosLine", "VirtioGuest.Cosmos.VirtioBlockDevice",
            "VirtioGuest.Cosmos.VirtioNetworkDevice", "VirtioGuest.Cosmos.VirtioDrivers",
        ];

        string[] found = [.. adapters.MainModule.GetTypes()
            .Where(type => type.Methods.Any(UsesCosmos))
            .Select(type => Outermost(type).FullName)
            .Distinct()];

        Assert.That(found, Is.EquivalentTo(allowed));
    }

    [Test]
    public void Cosmos_has_every_member_of_the_contract()
    {
        string? folder = Environment.GetEnvironmentVariable(RealAssemblies);
        if (string.IsNullOrEmpty(folder))
        {
            Assert.Ignore($"{RealAssemblies} names no folder with Cosmos' own assemblies");
        }

        HashSet<string> real = [.. CosmosContract.Assemblies
            .SelectMany(assembly => CosmosContract.Members(CosmosContract.Read(folder, assembly)))];

        Assert.That(Listed.Where(line => !real.Contains(line)), Is.Empty);
    }

    private static bool IsOfEmptyBody(Instruction instruction) => instruction.OpCode.Code switch
    {
        Code.Ldnull or Code.Throw or Code.Ldarg_0 or Code.Ret or Code.Nop => true,
        Code.Call => instruction.Operand is MethodReference { Name: ".ctor" },
        _ => false,
    };

    private static IEnumerable<string> Unused(
        TypeDefinition type, HashSet<string> uses, HashSet<string> attributes)
    {
        if (IsOfCompiler(type))
        {
            yield break;
        }

        bool isBaseOfUsed = type.FullName == "Cosmos.HAL.Device";
        if (!uses.Contains(type.FullName) && !isBaseOfUsed)
        {
            yield return type.FullName;
        }

        foreach (MethodDefinition method in type.Methods)
        {
            bool isForced = method.IsAbstract || method.IsConstructor || method.IsRuntime
                || (method.IsVirtual && !method.IsNewSlot) || method.Name == "Invoke";
            bool isNamed = method.IsSetter && attributes.Contains($"{type.FullName}::{method.Name[4..]}");
            bool isHalfOfUsed = method.IsGetter && type.Properties.Any(property => property.GetMethod == method
                && property.SetMethod is not null
                && (uses.Contains(CosmosContract.Signature(property.SetMethod))
                    || attributes.Contains($"{type.FullName}::{property.Name}")));
            if (!isForced && !isNamed && !isHalfOfUsed && !uses.Contains(CosmosContract.Signature(method)))
            {
                yield return CosmosContract.Signature(method);
            }
        }

        foreach (FieldDefinition field in type.Fields.Where(field => !field.IsSpecialName && !field.HasConstant))
        {
            if (!uses.Contains(field.FullName))
            {
                yield return field.FullName;
            }
        }
    }

    private static IEnumerable<string> AttributeProperties(string assembly) =>
        from type in CosmosContract.Read(CosmosContract.Folder, assembly).MainModule.GetTypes()
        from place in new ICustomAttributeProvider[] { type }.Concat(type.Methods)
        from attribute in place.CustomAttributes
        from property in attribute.Properties
        select $"{attribute.AttributeType.FullName}::{property.Name}";

    private static bool UsesCosmos(MethodDefinition method) =>
        method.Parameters.Any(parameter => IsOfCosmos(parameter.ParameterType))
        || (method.HasBody && method.Body.Instructions.Any(instruction =>
            instruction.Operand is MemberReference member && IsOfCosmos(member)));

    private static bool IsOfCosmos(MemberReference member)
    {
        TypeReference type = member as TypeReference ?? member.DeclaringType;
        return type.GetElementType().Scope.Name is "Cosmos.Core" or "Cosmos.HAL2";
    }

    /// <summary>Whether the compiler put a type there.</summary>
    private static bool IsOfCompiler(TypeDefinition type) => type.Name == "<Module>"
        || type.Namespace.StartsWith("System", StringComparison.Ordinal)
        || type.Namespace.StartsWith("Microsoft", StringComparison.Ordinal);

    private static TypeDefinition Outermost(TypeDefinition type) =>
        type.DeclaringType is null ? type : Outermost(type.DeclaringType);
}
